// `register` against servers whose TLS is wrong in each of the ways that a verdict exists for: real certificates, real
// servers (Node's, OpenSSL's), the code in the JSON and exit 76.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerdictCode } from '../../src/core/health/verdict.ts';
import { makeCertificateAuthority, makeSelfSigned, makeTemporaryDirectory } from '../support/certificates.ts';
import {
  startOpensslServer,
  startRawServer,
  startTlsServer,
  type TestServer,
} from '../support/tls-servers.ts';
import { type Home, runSipreg, temporaryHome } from './command.ts';

const authority = makeCertificateAuthority();
const directory = makeTemporaryDirectory();
const names = ['pbx.test'];
const good = authority.issue({ names });
const stranger = makeCertificateAuthority({ commonName: 'Strange CA' });
const weak = makeCertificateAuthority({ commonName: 'Weak CA', signature: 'sha1' });
const caFile = directory.write('ca.pem', authority.certificate);
const serverFile = directory.write('server.pem', good.certificate);
const serverKeyFile = directory.write('server.key', good.key);
const mutual = ['-CAfile', caFile, '-Verify', '1', '-verify_return_error'];
const servers: TestServer[] = [];
let home: Home;

beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await home.remove();
  directory.remove();
});

const opensslServer = (...more: readonly string[]): Promise<TestServer> =>
  startOpensslServer(serverFile, serverKeyFile, ...more);
const own = (file: string, issued = authority.issue({ commonName: 'us' })): object => ({
  cert: directory.write(`${file}.pem`, issued.certificate),
  key: directory.write(`${file}.key`, issued.key),
});

/** A pair of ours with one of the two files replaced. */
const spoilt = (file: string, part: 'cert' | 'key', content: string): object => ({
  ...own(file),
  [part]: directory.write(`${file}.spoilt`, content),
});
const lockedKey = (passphrase: string): string =>
  good.keys.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();

type Row = readonly [
  code: VerdictCode,
  what: string,
  start: () => Promise<TestServer>,
  evidence: RegExp,
  tls?: () => object,
];

const ROWS: readonly Row[] = [
  [
    'tls.name-mismatch',
    'another name',
    () => startTlsServer(authority.issue({ names: ['other.test'] })),
    /not for pbx\.test, but for DNS:other\.test/,
  ],
  [
    'tls.name-mismatch',
    'a wildcard',
    () => startTlsServer(authority.issue({ names: ['*.test', '*.pbx.test'] })),
    /DNS:\*\.test/,
  ],
  [
    'tls.untrusted',
    'no intermediate',
    () => startTlsServer(authority.intermediate('Middle CA').issue({ names })),
    /CN=Middle CA.*this certificate alone/,
  ],
  [
    'tls.untrusted',
    'its own root',
    () => startTlsServer(stranger.issue({ names }), [stranger]),
    new RegExp(`own root "CN=Strange CA".*${stranger.sha256}`),
  ],
  [
    'tls.untrusted',
    'signed by itself',
    () => startTlsServer(makeSelfSigned({ commonName: 'pbx', names })),
    /signed by itself/,
  ],
  [
    'tls.expired',
    'expired',
    () => startTlsServer(authority.issue({ names, notBefore: new Date('2020-01-01T00:00:00Z') })),
    /"DNS:pbx\.test" expired on 2020-01-31T00:00:00Z; this host's clock says/,
  ],
  [
    'tls.not-yet-valid',
    'of the future',
    () => startTlsServer(authority.issue({ names, notBefore: new Date('2048-01-01T00:00:00Z') })),
    /not valid before 2048-01-01/,
  ],
  [
    'tls.purpose',
    'for clients only',
    () => startTlsServer(authority.issue({ names, purposes: ['client'] })),
    /does not allow the use as a server/,
  ],
  [
    'tls.weak',
    'signed with SHA-1',
    () => startTlsServer(weak.issue({ names }), [], { ciphers: 'DEFAULT@SECLEVEL=0' }),
    /too weak/,
    () => ({ ca: directory.write('weak.pem', weak.certificate) }),
  ],
  [
    'tls.version',
    'TLS 1.1 only',
    () => opensslServer('-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'),
    /we offer TLSv1\.2 to TLSv1\.3/,
  ],
  [
    'tls.handshake',
    'no common cipher',
    () => startTlsServer(good, [], { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
    /refused the handshake/,
  ],
  [
    'tls.client-certificate',
    'wants a certificate (TLS 1.3, after the handshake)',
    () => opensslServer(...mutual, '-tls1_3'),
    /wants a client certificate; we have no client certificate, and it asked for one/,
  ],
  [
    'tls.client-certificate',
    'wants a certificate (TLS 1.2)',
    () => opensslServer(...mutual, '-tls1_2'),
    /we have no client certificate, and it asked for one/,
  ],
  [
    'tls.client-certificate',
    'does not know our CA',
    () => opensslServer(...mutual),
    /stranger\.pem \("CN=who"/,
    () => own('stranger', stranger.issue({ commonName: 'who' })),
  ],
  [
    'tls.client-certificate',
    'finds ours expired, by a clock that is ahead',
    () => opensslServer(...mutual, '-attime', String(Math.floor(Date.now() / 1_000) + 20 * 86_400)),
    /our client certificate has expired; .*short\.pem \("CN=us"/,
    () => own('short', authority.issue({ commonName: 'us', days: 10 })),
  ],
  [
    'tls.client-certificate',
    'closes without a word',
    () =>
      startTlsServer(good, [], { requestCert: true, rejectUnauthorized: true, ca: authority.certificate }),
    /closed the connection before it sent anything; our client certificate is .*and it asked for one/,
    () => own('unwanted', stranger.issue({ commonName: 'who' })),
  ],
  [
    'tls.not-tls',
    'plain SIP',
    () => startRawServer((socket) => socket.on('data', () => socket.write('SIP/2.0 400 No\r\n\r\n'))),
    /is not TLS/,
  ],
  ['tls.closed', 'closes', () => startRawServer((socket) => socket.end()), /closed the connection/],
  [
    'tls.closed',
    'resets',
    () => startRawServer((socket) => socket.on('data', () => socket.resetAndDestroy())),
    /reset the connection/,
  ],
  ['tls.timeout', 'says nothing', () => startRawServer(() => {}), /within 8 s/],
  [
    'tls.own-material',
    'our own pair does not belong together',
    () => startTlsServer(good),
    /do not belong together/,
    () => ({ ...own('one'), key: directory.write('two.key', authority.issue({}).key) }),
  ],
  [
    'tls.expired',
    'our own has expired',
    () => startTlsServer(good),
    /old\.pem.*expired on 2020-01-31/,
    () => own('old', authority.issue({ notBefore: new Date('2020-01-01T00:00:00Z') })),
  ],
  [
    'tls.own-material',
    'our own is empty',
    () => startTlsServer(good),
    /empty\.spoilt/,
    () => spoilt('empty', 'cert', ''),
  ],
  [
    'tls.own-material',
    'our own is cut off',
    () => startTlsServer(good),
    /cut\.spoilt/,
    () => spoilt('cut', 'cert', good.certificate.slice(0, 300)),
  ],
  [
    'tls.own-material',
    'our key is garbage',
    () => startTlsServer(good),
    /garbage\.spoilt/,
    () => spoilt('garbage', 'key', 'nothing'),
  ],
  [
    'tls.own-material',
    'our key is locked',
    () => startTlsServer(good),
    /locked\.spoilt is encrypted, and tls\.keyPassphrase is not set/,
    () => spoilt('locked', 'key', lockedKey('one')),
  ],
  [
    'tls.own-material',
    'the passphrase of our key is another',
    () => startTlsServer(good),
    /passphrase does not open/,
    () => ({ ...spoilt('closed', 'key', lockedKey('one')), keyPassphrase: 'two' }),
  ],
  [
    'tls.own-material',
    'no CA is in the file',
    () => startTlsServer(good),
    /none\.pem/,
    () => ({ ca: directory.write('none.pem', '# nothing\n') }),
  ],
  [
    'tls.pin-mismatch',
    'another pin',
    () => startTlsServer(good),
    new RegExp(good.sha256),
    () => ({ verify: 'pin', pins: ['00'.repeat(32)] }),
  ],
];

describe('each way in which TLS fails has its verdict and exit 76', () => {
  it.concurrent.for(ROWS)('%s: %s', { timeout: 60_000 }, async ([code, what, start, evidence, tls]) => {
    const server = await start();
    servers.push(server);
    const account = {
      aor: 'sip:1008@pbx.test',
      registrar: `sip:pbx.test:${server.port}`,
      outboundProxy: `sip:127.0.0.1:${server.port};transport=tls`,
      transport: 'tls',
      password: 'x',
      tls: { ca: caFile, serverName: 'pbx.test', ...tls?.() },
    };
    const file = `${what.replaceAll(/\W+/g, '-')}.json`;
    const config = await home.write(file, { accounts: { a: account } });
    const result = await runSipreg(['-c', config, '--json', 'register', 'a', '--timeout', '30'], { home });
    const [failed] = JSON.parse(result.stdout).accounts;
    expect(failed.failure).toMatchObject({ stage: 'tls', code, cause: expect.stringMatching(evidence) });
    expect(failed.failure.advice).not.toBe('');
    expect(result.code).toBe(76);
  });
});
