import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../../support/certificates.ts';
import { answerBytes, recordFlows, until } from '../../support/flows.ts';
import { makeTlsClients } from '../../support/tls-clients.ts';
import { startOpensslServer, startTlsServer } from '../../support/tls-servers.ts';

const authority = makeCertificateAuthority();
const good = authority.issue({ names: ['example.com'] });
const directory = makeTemporaryDirectory();
const { running, flowTo, laterRefusal, stop } = makeTlsClients(authority);

afterEach(stop);
afterAll(directory.remove);

describe('the server judges our certificate', () => {
  const certificateFile = directory.write('server.pem', good.certificate);
  const keyFile = directory.write('server.key', good.key);
  const authorityFile = directory.write('ca.pem', authority.certificate);
  const judge = (...more: string[]) =>
    running(
      startOpensslServer(certificateFile, keyFile, '-CAfile', authorityFile, '-verify_return_error', ...more),
    );
  const stranger = makeCertificateAuthority({ commonName: 'Strange CA' }).issue({ commonName: 'stranger' });
  const old = authority.issue({ commonName: 'old', notBefore: new Date('2024-01-01T00:00:00Z'), days: 10 });

  it('TLS 1.3 wants one', async () => {
    const server = await judge('-Verify', '1', '-tls1_3');
    const failure = await laterRefusal(server.port);
    expect(failure.code).toBe('tls.client-certificate');
    expect(failure.cause).toContain('wants a client certificate');
    expect(failure.cause).toContain('we have no client certificate');
  });

  it('TLS 1.2 wants one', async () => {
    const server = await judge('-Verify', '1', '-tls1_2');
    const failure = await laterRefusal(server.port);
    // The same alert as without a common cipher, but it comes after the cipher was chosen and a certificate asked for.
    expect(failure.code).toBe('tls.client-certificate');
    expect(failure.cause).toContain('we have no client certificate, and it asked for one; TLSv1.2 TLS_');
  });

  it.each(['-tls1_2', '-tls1_3'])('does not know its CA (%s)', async (version) => {
    const server = await judge('-Verify', '1', version);
    const failure = await laterRefusal(server.port, { own: stranger });
    expect(failure.code).toBe('tls.client-certificate');
    expect(failure.cause).toContain('own.pem');
  });

  it.each(['-tls1_2', '-tls1_3'])('finds it expired (%s)', async (version) => {
    const server = await judge('-Verify', '1', version);
    const failure = await laterRefusal(server.port, { own: old, now: new Date('2024-01-05T00:00:00Z') });
    expect(failure.code).toBe('tls.client-certificate');
    expect(failure.cause).toContain('expired');
    expect(failure.cause).toContain('2024-01-11');
  });

  it('and drops the connection without a word', async () => {
    const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
    const server = await running(startTlsServer(good, [], mutual));
    expect((await laterRefusal(server.port)).code).toBe('tls.client-certificate');
  });

  it('but a close by a server that asked for none has nothing to do with it', async () => {
    const server = await running(startTlsServer(good));
    const refused = laterRefusal(server.port);
    await until(() => server.sockets.length === 1);
    server.sockets[0]?.end();
    expect((await refused).code).toBe('connect.closed');
  });

  it('but a close after a message, or later, has nothing to do with it', async () => {
    const server = await running(startTlsServer(good));
    const heard = recordFlows();
    await flowTo(server.port, { recorder: heard });
    await until(() => server.sockets.length === 1);
    server.sockets[0]?.end(answerBytes(1));
    await until(() => heard.closed.length === 1);
    expect(heard.closed[0]?.failure.code).toBe('connect.closed');
    const late = recordFlows();
    await flowTo(server.port, { recorder: late, limits: { certificateDoubtMs: 0 } });
    await until(() => server.sockets.length === 2);
    server.sockets[1]?.end();
    await until(() => late.closed.length === 1);
    expect(late.closed[0]?.failure.code).toBe('connect.closed');
  });
});
