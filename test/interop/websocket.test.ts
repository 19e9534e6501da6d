// SIP over WebSocket (RFC 7118) against a real Kamailio: `register` over ws and wss with digest, a binding that is kept
// alive on one connection, and handshakes that the web server refuses.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { accountOf } from './account-json.ts';
import { type Home, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { endOf, openScene } from './watch-scene.ts';

const authority = makeCertificateAuthority();
const directory = makeTemporaryDirectory();
const tls = { ca: directory.write('ca.pem', authority.certificate) };
const identity = authority.issue({ addresses: ['127.0.0.1'] });
const serverTls = {
  certificateFile: directory.write('server.pem', identity.certificate),
  keyFile: directory.write('server.key', identity.key),
};

afterAll(() => directory.remove());

describe.skipIf(!isInstalled('kamailio'))(`SIP over WebSocket${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let home: Home;

  beforeAll(async () => {
    const users = Object.fromEntries(['ws', 'wss', 'alice'].map((user) => [user, 'first']));
    kamailio = await startKamailio({ users, tls: serverTls, webSocketPath: '/sip', minExpires: 1 });
  });

  afterAll(() => kamailio?.stop());

  beforeEach(async () => {
    home = await temporaryHome();
  });

  afterEach(() => home.remove());

  async function register(user: string, entry: object) {
    const account = { aor: `sip:${user}@127.0.0.1`, password: 'first', expires: 300, ...entry };
    const config = await home.write('accounts.json', { accounts: { a: account } });
    return await runSipreg(['-c', config, 'register', 'a', '--json'], { home });
  }

  it.each(['ws', 'wss'] as const)(
    'R423 R425 over %s: the path of the proxy, one challenge, a Contact with transport=ws',
    async (transport) => {
      const port = transport === 'ws' ? kamailio.port : kamailio.tlsPort;
      const outboundProxy = `${transport}://127.0.0.1:${port}/sip`;
      const result = await register(transport, { outboundProxy, tls });
      expect(result.code, result.stderr).toBe(0);
      const account = accountOf(result);
      expect(account).toMatchObject({
        state: 'registered',
        target: { transport, host: '127.0.0.1', port },
        requests: 2,
      });
      expect(account.tls === null).toBe(transport === 'ws');
      expect((await kamailio.handshakes()).at(-1)).toMatchObject({
        path: '/sip',
        host: `127.0.0.1:${port}`,
      });
      const requests = (await kamailio.requests('REGISTER')).filter((request) =>
        request.text.includes(`sip:${transport}@`),
      );
      expect(requests.map((request) => request.transport)).toEqual([transport, transport]);
      const [{ text, source }] = requests as [(typeof requests)[0]];
      expect(fieldValues(text, 'Via')[0]).toMatch(
        `SIP/2.0/${transport.toUpperCase()} 127.0.0.1:${source.port};`,
      );
      expect(fieldValues(text, 'Route')).toEqual([`<sip:127.0.0.1:${port};transport=ws;lr>`]);
      const contact = `sip:${transport}@127.0.0.1:${source.port};transport=ws`;
      expect(await kamailio.bindings(transport)).toMatchObject([{ contact }]);
    },
  );

  it.each([
    [
      'another path',
      () => `ws://127.0.0.1:${kamailio.port}/other`,
      69,
      'connect.websocket-refused',
      'HTTP 404',
    ],
    ['ws in place of wss', () => `ws://127.0.0.1:${kamailio.tlsPort}/sip`, 69, 'connect.closed', 'closed'],
  ])('%s is told apart', async (_what, proxy, exit, code, evidence) => {
    const result = await register('alice', { outboundProxy: proxy(), tls });
    const { failure } = accountOf(result);
    expect(failure?.code).toBe(code);
    expect(failure?.cause).toContain(evidence);
    expect(result.code).toBe(exit);
  });

  it('without a path: transport ws of the registrar is enough where the server takes "/"', async () => {
    const plain = await startKamailio({ users: { bob: 'first' }, webSocketPath: '/' });
    onTestFinished(plain.stop);
    const result = await register('bob', { registrar: `sip:127.0.0.1:${plain.port}`, transport: 'ws' });
    expect(result.code, result.stderr).toBe(0);
    expect((await plain.handshakes()).map(({ path }) => path)).toEqual(['/']);
  });

  it('keeps a binding alive on one connection, and removes it at the end', async () => {
    const scene = await openScene(onTestFinished);
    const entry = { outboundProxy: `wss://127.0.0.1:${kamailio.tlsPort}/sip`, tls, expires: 10 };
    const config = await scene.accountsFile(kamailio.tlsPort, entry);
    const before = (await kamailio.handshakes()).length;
    const running = await scene.watch(config);
    const registers = async () =>
      (await kamailio.requests('REGISTER')).filter(({ text }) => text.includes('sip:alice@'));
    await expect.poll(async () => (await registers()).length, { timeout: 20_000 }).toBeGreaterThan(2);
    expect(await kamailio.bindings('alice')).toHaveLength(1);
    expect((await endOf(running)).code).toBe(0);
    expect(await kamailio.bindings('alice')).toEqual([]);
    expect(new Set((await registers()).map(({ source }) => source.port)).size).toBe(1);
    expect((await kamailio.handshakes()).length).toBe(before + 1);
  });
});
