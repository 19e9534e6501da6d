// A running agent over TLS: the connection that it registered on stays, and whoever holds its other end reaches the
// account over it (RFC 3261 §26.3.1).

import { expect, it } from 'vitest';
import { makeCertificateAuthority } from '../support/certificates.ts';
import { startTlsServer } from '../support/tls-servers.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';

/** A 200 to the REGISTER, with its Contact as it stands. */
function success(register: string): string {
  const copied = ['Via', 'From', 'Call-ID', 'CSeq', 'Contact'].map(
    (name) => `${name}: ${fieldValues(register, name)[0]}`,
  );
  const to = `To: ${fieldValues(register, 'To')[0]};tag=registrar`;
  return ['SIP/2.0 200 OK', ...copied, to, 'Content-Length: 0', '', ''].join('\r\n');
}

const OPTIONS = [
  'OPTIONS sip:alice@127.0.0.1 SIP/2.0',
  'Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bKping',
  'Max-Forwards: 70',
  'From: <sip:pinger@127.0.0.1>;tag=p',
  'To: <sip:alice@127.0.0.1>',
  'Call-ID: ping',
  'CSeq: 1 OPTIONS',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

it('R168 R210 the TLS connection stays open after registering, takes the refresh, and brings requests', async ({
  onTestFinished: end,
}) => {
  const authority = makeCertificateAuthority();
  const registrar = await startTlsServer(authority.issue({ addresses: ['127.0.0.1'] }));
  end(registrar.stop);
  const home = await temporaryHome();
  end(home.remove);
  const ca = await home.write('ca.pem', authority.certificate);
  const account = {
    aor: 'sip:alice@127.0.0.1',
    registrar: `sip:127.0.0.1:${registrar.port}`,
    transport: 'tls',
    outbound: 'off',
    tls: { ca },
  };
  const config = await home.write('accounts.json', { accounts: { alice: account } });
  const scene = agentScene(home, config);
  const agent = await scene.start();
  end(async () => {
    agent.kill('SIGKILL');
    await agent.result;
  });
  const registers = (): readonly string[] =>
    registrar
      .received()
      .split('\r\n\r\n')
      .filter((text) => text.startsWith('REGISTER'));
  const answer = async (count: number): Promise<void> => {
    await expect.poll(() => registers().length, { timeout: 15_000 }).toBe(count);
    registrar.sockets[0]?.write(success(registers()[count - 1] ?? ''));
    await untilState(scene, 'alice', 'registered');
  };

  await answer(1);
  registrar.sockets[0]?.write(OPTIONS);
  await expect
    .poll(() => registrar.received(), { timeout: 15_000 })
    .toMatch(/^SIP\/2\.0 200 OK\r\nVia: [^\r]*ping/m);
  const refreshed = scene.sipreg('refresh', 'alice');
  await answer(2);
  expect((await refreshed).code).toBe(0);
  expect(registrar.connections()).toEqual({ accepted: 1, open: 1 });
});
