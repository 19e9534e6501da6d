// `--tls-keylog FILE` of a real command: what it writes opens what went over the wire. The bytes are recorded by a proxy and
// made a capture by text2pcap (it comes with tshark), so that nobody needs the right to capture.

import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startRegistrar } from '../../src/registrar/server.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { startRawServer } from '../support/tls-servers.ts';
import { type CommandResult, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';

const authority = makeCertificateAuthority();

type Scene = {
  /** Runs `register alice` with these further arguments and environment. */
  readonly register: (
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ) => Promise<CommandResult>;
  readonly inFolder: (name: string) => string;
  /** What went over the wire, in hexadecimal: O to the registrar, I from it. */
  readonly wire: () => readonly string[];
};

let scene: Scene;
beforeEach(async () => {
  const home = await temporaryHome();
  const files = makeTemporaryDirectory();
  const { certificate, key } = authority.issue({ addresses: ['127.0.0.1'] });
  const registrar = await startRegistrar({ users: { alice: 'secret' }, tls: { certificate, key } });
  const wire: string[] = [];
  const proxy = await startRawServer((socket) => {
    const onward = net.connect(registrar.ports.tls ?? 0, '127.0.0.1');
    onward.on('error', () => {});
    socket.on('data', (bytes) => wire.push(`O ${bytes.toString('hex')}`));
    onward.on('data', (bytes) => wire.push(`I ${bytes.toString('hex')}`));
    socket.pipe(onward);
    onward.pipe(socket);
  });
  onTestFinished(async () => {
    await proxy.stop();
    await registrar.close();
    files.remove();
    await home.remove();
  });
  const account = {
    aor: 'sip:alice@127.0.0.1',
    registrar: `sip:127.0.0.1:${proxy.port}`,
    transport: 'tls',
    password: 'secret',
    tls: { ca: files.write('ca.pem', authority.certificate) },
  };
  const config = await home.write('accounts.json', { accounts: { alice: account } });
  scene = {
    register: (args, environment = {}) =>
      runSipreg(['-c', config, 'register', 'alice', ...args], { home, environment }),
    inFolder: (name) => path.join(home.folder, name),
    wire: () => wire,
  };
});

describe('--tls-keylog', () => {
  it('writes the secrets of each session for its user alone, and says loudly what that means', async () => {
    const file = scene.inFolder('keys');
    const { code, stderr } = await scene.register(['--tls-keylog', file]);
    expect(code).toBe(0);
    expect(stderr).toContain(
      `--tls-keylog: whoever reads ${file} reads every TLS connection of this command`,
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    // NSS key log format: a label, the client random, a secret. TLS 1.3 has five of them.
    const lines = readFileSync(file, 'latin1').trimEnd().split('\n');
    for (const line of lines)
      expect(line).toMatch(/^[A-Z][A-Z0-9_]+ [0-9a-f]{64} (?:[0-9a-f]{64}|[0-9a-f]{96})$/);
    expect(lines.map((line) => line.split(' ')[0]).toSorted()).toEqual([
      'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
      'CLIENT_TRAFFIC_SECRET_0',
      'EXPORTER_SECRET',
      'SERVER_HANDSHAKE_TRAFFIC_SECRET',
      'SERVER_TRAFFIC_SECRET_0',
    ]);
  });

  it('is for nobody who did not ask: $SSLKEYLOGFILE alone writes nothing', async () => {
    const file = scene.inFolder('keys');
    const quiet = await scene.register([], { SSLKEYLOGFILE: file });
    expect(quiet).toMatchObject({ code: 0, stderr: expect.not.stringContaining('keylog') });
    expect(() => statSync(file)).toThrow('ENOENT');
    const asked = await scene.register(['--tls-keylog', 'SSLKEYLOGFILE'], { SSLKEYLOGFILE: file });
    expect(asked.code).toBe(0);
    expect(readFileSync(file, 'latin1')).toContain('CLIENT_TRAFFIC_SECRET_0 ');
    expect((await scene.register(['--tls-keylog', 'SSLKEYLOGFILE'])).code).toBe(64);
    const nowhere = await scene.register(['--tls-keylog', scene.inFolder('none/keys')]);
    expect(nowhere).toMatchObject({ code: 66, stderr: expect.stringContaining('cannot be opened: ENOENT') });
  });

  it.skipIf(!isInstalled('tshark'))(
    `opens what was captured, in Wireshark${missingPrograms('tshark')}`,
    async () => {
      const keys = scene.inFolder('keys');
      expect((await scene.register(['--tls-keylog', keys])).code).toBe(0);
      const [dump, capture] = [scene.inFolder('wire.txt'), scene.inFolder('wire.pcapng')];
      writeFileSync(dump, `${scene.wire().join('\n')}\n`);
      const packet = '^(?<dir>[IO]) (?<data>[0-9a-f]+)$';
      execFileSync('text2pcap', ['-q', '-r', packet, '-T', '5061,50000', dump, capture], { stdio: 'ignore' });
      const methods = (...options: readonly string[]): string => {
        const fields = ['-Y', 'sip', '-T', 'fields', '-e', 'sip.Method', '-e', 'sip.Status-Code'];
        const args = ['-r', capture, ...options, ...fields];
        return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      };
      expect(methods()).toBe('');
      const opened = methods('-o', `tls.keylog_file:${keys}`);
      expect(opened.trimEnd().split('\n')).toEqual(['REGISTER\t', '\t401', 'REGISTER\t', '\t200']);
    },
  );
});
