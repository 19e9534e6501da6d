// `sipreg trace` of an agent at a real Kamailio: as text, as a ladder, as JSON, as a capture file, and as they come.

import { execFileSync, spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

const directory = makeTemporaryDirectory();
const authority = makeCertificateAuthority();
const ca = directory.write('ca.pem', authority.certificate);
const server = authority.issue({ names: ['pbx.test'] });
const tls = {
  certificateFile: directory.write('server.pem', server.certificate),
  keyFile: directory.write('server.key', server.key),
};

let home: Home;
let kamailio: Kamailio;

beforeEach(async () => {
  home = await temporaryHome();
  kamailio = await startKamailio({ users: { alice: 'secret', bob: 'secret-b' }, tls });
});

afterEach(async () => {
  await home.remove();
  await kamailio.stop();
});

afterAll(() => directory.remove());

async function openScene(
  transport: 'tcp' | 'tls' = 'tcp',
): Promise<{ readonly scene: AgentScene; readonly config: string }> {
  const registrar = `sip:127.0.0.1:${kamailio.port}`;
  const a = { aor: 'sip:alice@127.0.0.1', registrar, password: 'secret', transport: 'udp' };
  const overTls = {
    registrar: `sip:127.0.0.1:${kamailio.tlsPort}`,
    tls: { ca, serverName: 'pbx.test' },
  };
  const b = {
    ...{ aor: 'sip:bob@127.0.0.1', registrar, password: 'secret-b', transport },
    ...(transport === 'tls' ? overTls : {}),
  };
  const config = await home.write('accounts.json', { accounts: { a, b } });
  const scene = agentScene(home, config);
  await scene.start();
  await untilState(scene, 'a', 'registered');
  await untilState(scene, 'b', 'registered');
  return { scene, config };
}

describe.skipIf(!isInstalled('kamailio'))(`the trace of an agent${missingPrograms('kamailio')}`, () => {
  it('shows what was said, whose it was, and no proof', async () => {
    const { scene } = await openScene();
    const { stdout } = await scene.sipreg('trace', 'a');
    expect(
      stdout.match(/^(?:REGISTER sip:|SIP\/2\.0 \d{3}).*$/gm)?.map((line) => line.split(' ')[1]),
    ).toEqual([expect.stringMatching(/^sip:/), '401', expect.stringMatching(/^sip:/), '200']);
    expect(stdout).toMatch(/^Authorization: Digest .*response="…"/m);
    const sent = await kamailio.requests('REGISTER');
    const proofs = sent.flatMap(({ text }) => /response="(\w+)"/.exec(text)?.[1] ?? []);
    expect(proofs).toHaveLength(2);
    const json = await scene.sipreg('trace', '--json');
    for (const proof of proofs) expect(stdout + json.stdout).not.toContain(proof);
    const { schema, messages } = JSON.parse(json.stdout);
    expect(schema).toBe('sipreg.trace/1');
    expect(messages.map((one: { readonly account: string }) => one.account).toSorted()).toEqual([
      ...'aaaabbbb',
    ]);
    const last = JSON.parse((await scene.sipreg('trace', '--last', '1', '--json')).stdout);
    expect(last.messages).toEqual(messages.slice(-1));
    const ladder = await scene.sipreg('trace', 'b', '--ladder');
    expect(ladder.stdout.match(/│ .* │/g)).toEqual([
      expect.stringMatching(/── REGISTER \(1\) ─+▶/),
      expect.stringMatching(/◀─+ 401 Unauthorized \(1 REGISTER\) ──/),
      expect.stringMatching(/── REGISTER \(2\) ─+▶/),
      expect.stringMatching(/◀─+ 200 OK \(2 REGISTER\) ──/),
    ]);
    expect((await scene.sipreg('trace', 'nobody')).code).toBe(66);
    expect((await scene.sipreg('trace', '--follow', '--ladder')).code).toBe(64);
  });

  it.skipIf(!isInstalled('tshark'))('is a file that tshark reads as SIP', async () => {
    const { scene } = await openScene();
    const file = join(home.folder, 'trace.pcap');
    expect(await scene.sipreg('trace', '--pcap', file)).toMatchObject({ code: 0 });
    const args = ['-r', file, '-Y', 'sip', '-T', 'fields', '-e', 'sip.Method', '-e', 'sip.Status-Code'];
    const text = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    expect(text.trimEnd().split('\n').toSorted()).toEqual(
      ['\t200', '\t200', '\t401', '\t401', ...Array(4).fill('REGISTER\t')].toSorted(),
    );
  });

  it('goes through a pipe to who reads it there, and leaves the pipe', async () => {
    const { scene } = await openScene();
    const pipe = join(home.folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [{ code, stdout, stderr }, capture] = await Promise.all([
        scene.sipreg('trace', '--pcap', pipe),
        buffer(reader.stdout),
      ]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).toMatch(/^note: \S+pipe {2}\d+ messages$/m);
      // The magic of pcapng (draft-ietf-opsawg-pcapng, section 4.1).
      expect(capture.readUInt32BE(0)).toBe(0x0a0d0d0a);
      expect((await stat(pipe)).isFIFO()).toBe(true);
    } finally {
      reader.kill();
    }
  });

  it.skipIf(!isInstalled('tshark') || !isInstalled('sngrep'))(
    `is a file that sngrep reads too, with what went over TLS${missingPrograms('tshark', 'sngrep')}`,
    async () => {
      const { scene } = await openScene('tls');
      const [ours, theirs] = [join(home.folder, 'trace.pcap'), join(home.folder, 'sngrep.pcap')];
      const { code, stdout } = await scene.sipreg('trace', '--pcap', ours);
      expect(code).toBe(0);
      expect(stdout).toContain('4 went over TLS and stand there as plain TCP');
      // sngrep writes down what it has understood as SIP.
      execFileSync('sngrep', ['-F', '-N', '-q', '-I', ours, '-O', theirs], { stdio: 'ignore' });
      const fields = ['sip.Method', 'sip.Status-Code', 'sip.auth.digest.response'];
      const args = ['-r', theirs, '-Y', 'sip', '-T', 'fields', '-E', 'separator=|'];
      const asked = fields.flatMap((field) => ['-e', field]);
      const ports = [`tcp.port==${kamailio.tlsPort}`, `udp.port==${kamailio.port}`];
      const decoded = ports.flatMap((port) => ['-d', `${port},sip`]);
      const text = execFileSync('tshark', [...args, ...asked, ...decoded], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exchange = ['REGISTER||', 'REGISTER||"…"', '|200|', '|401|'];
      expect(text.trimEnd().split('\n').toSorted()).toEqual([...exchange, ...exchange].toSorted());
    },
  );

  it('goes on with what comes, as NDJSON', async () => {
    const { scene, config } = await openScene();
    const args = ['-c', config, '--socket', scene.socket, 'trace', 'a', '--follow', '--last', '1', '--json'];
    const command = startSipreg(args, { home });
    await command.waitFor('stdout', /"text":"SIP\/2\.0 200/);
    expect((await scene.sipreg('refresh', 'a')).code).toBe(0);
    await command.waitFor('stdout', /SIP\/2\.0 200[\s\S]*SIP\/2\.0 200/);
    command.kill('SIGINT');
    expect(await command.result).toMatchObject({ code: 0 });
    const events = command
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ type, account, direction }) => `${type} ${account} ${direction}`)).toEqual([
      'message a received',
      'message a sent',
      'message a received',
    ]);
  });
});
