// The harness itself, against a hand-made SIP client: what the other interoperability tests rely on.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificateAuthority, makeSelfSigned, makeTemporaryDirectory } from '../support/certificates.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import {
  authorization,
  certificateAt,
  exchangeStream,
  exchangeUdp,
  registerMessage,
} from './plain-client.ts';

let kamailio: Kamailio;

afterEach(() => kamailio?.stop());

describe.skipIf(!isInstalled('kamailio'))(`kamailio as a registrar${missingPrograms('kamailio')}`, () => {
  it('starts fast, writes down what it received, and is gone after stop', async () => {
    const before = performance.now();
    kamailio = await startKamailio();
    expect(performance.now() - before).toBeLessThan(3000);

    const sent = registerMessage({ expires: 90 });
    expect(await exchangeUdp(kamailio.port, sent)).toMatch(/^SIP\/2\.0 200 /);
    expect(await kamailio.requests('REGISTER')).toMatchObject([{ transport: 'udp', text: sent }]);
    expect(await kamailio.bindings('alice')).toMatchObject([
      { contact: 'sip:alice@127.0.0.1:5999', callId: 'call-1', cseq: 1, received: null, instance: null },
    ]);
    await kamailio.forget('alice');
    expect(await kamailio.bindings('alice')).toEqual([]);

    await kamailio.stop();
    await expect(kamailio.rpc('core.version')).rejects.toThrow();
  });

  it.each(['MD5', 'SHA-256'] as const)(
    'challenges with %s and tells good from bad passwords',
    async (algorithm) => {
      kamailio = await startKamailio({ users: { alice: 'a "secret"\\' }, algorithm });
      const challenged = await exchangeUdp(kamailio.port, registerMessage());
      const challenge = fieldValues(challenged, 'WWW-Authenticate')[0] ?? '';
      expect(challenge).toContain(`algorithm=${algorithm}`);

      const wrong = authorization(challenge, 'wrong', algorithm);
      expect(await exchangeUdp(kamailio.port, registerMessage({ cseq: 2, extra: wrong }))).toMatch(
        /^SIP\/2\.0 401 /,
      );
      const right = authorization(challenge, 'a "secret"\\', algorithm);
      expect(await exchangeUdp(kamailio.port, registerMessage({ cseq: 3, extra: right }))).toMatch(
        /^SIP\/2\.0 200 /,
      );
      expect((await kamailio.authentications()).map(({ outcome }) => outcome)).toEqual([
        'no-credentials',
        'wrong-password',
        'accepted',
      ]);
    },
  );

  it('refuses short intervals and too many contacts, and keeps the source address', async () => {
    kamailio = await startKamailio({ minExpires: 60, maxContacts: 1, fixNat: true });
    const brief = await exchangeUdp(kamailio.port, registerMessage({ expires: 10 }));
    expect(brief).toMatch(/^SIP\/2\.0 423 /);
    expect(fieldValues(brief, 'Min-Expires')).toEqual(['60']);

    expect(await exchangeUdp(kamailio.port, registerMessage({ expires: 120 }))).toMatch(/^SIP\/2\.0 200 /);
    const second = registerMessage({ callId: 'call-2', contact: 'sip:alice@127.0.0.1:5998' });
    expect(await exchangeUdp(kamailio.port, second)).toMatch(/^SIP\/2\.0 [345]\d\d /);
    const [binding] = await kamailio.bindings('alice');
    expect(binding?.received).toMatch(/^sip:127\.0\.0\.1:\d+$/);
    expect(binding?.expiresSeconds).toBeGreaterThan(110);
  });

  it('falls silent, refuses, and comes back', async () => {
    kamailio = await startKamailio();
    await kamailio.answerWith({ status: 503, reason: 'Go Away', header: 'Retry-After: 7' });
    const refusal = await exchangeUdp(kamailio.port, registerMessage());
    expect(refusal).toMatch(/^SIP\/2\.0 503 Go Away\r\n/);
    expect(fieldValues(refusal, 'Retry-After')).toEqual(['7']);
    await kamailio.answerWith(undefined);

    await kamailio.setSilent(true);
    await expect(exchangeUdp(kamailio.port, registerMessage(), 300)).rejects.toThrow(/abort/i);
    await kamailio.setSilent(false);
    expect(await exchangeUdp(kamailio.port, registerMessage())).toMatch(/^SIP\/2\.0 200 /);
    expect(await kamailio.requests('REGISTER')).toHaveLength(3);
  });

  it('passes calls and other requests on to the binding', async () => {
    kamailio = await startKamailio();
    const device = createSocket('udp4').bind(0, '127.0.0.1');
    try {
      await once(device, 'listening');
      device.on('message', (datagram, { port }) => {
        const [, ...fields] = String(datagram).split('\r\n');
        const echoed = fields.filter((line) => /^(?:via|from|to|call-id|cseq):/i.test(line));
        device.send(['SIP/2.0 486 Busy', ...echoed, 'Content-Length: 0', '\r\n'].join('\r\n'), port);
      });
      const contact = `sip:alice@127.0.0.1:${device.address().port}`;
      await exchangeUdp(kamailio.port, registerMessage({ contact }));
      const options = registerMessage({ callId: 'call-2' })
        .replace('REGISTER sip:example.test', 'OPTIONS sip:alice@example.test')
        .replace('1 REGISTER', '1 OPTIONS');
      expect(await exchangeUdp(kamailio.port, options)).toMatch(/^SIP\/2\.0 486 Busy\r\n/);
    } finally {
      device.close();
    }
  });

  it('speaks TCP and TLS, and takes a new certificate', async () => {
    const directory = makeTemporaryDirectory();
    try {
      const [first, second] = [makeSelfSigned({ names: ['a.test'] }), makeSelfSigned({ names: ['b.test'] })];
      const certificateFile = directory.write('certificate.pem', first.certificate);
      const keyFile = directory.write('key.pem', first.key);
      kamailio = await startKamailio({ tls: { certificateFile, keyFile } });
      const overTcp = registerMessage({ transport: 'TCP' });
      expect(await exchangeStream(kamailio.port, overTcp, 'tcp')).toMatch(/^SIP\/2\.0 200 /);
      const overTls = registerMessage({ transport: 'TLS', cseq: 2 });
      expect(await exchangeStream(kamailio.tlsPort, overTls, 'tls')).toMatch(/^SIP\/2\.0 200 /);
      expect((await kamailio.requests()).map(({ transport }) => transport)).toEqual(['tcp', 'tls']);

      expect(await certificateAt(kamailio.tlsPort)).toBe(first.sha256);
      directory.write('certificate.pem', second.certificate);
      directory.write('key.pem', second.key);
      await kamailio.rpc('tls.reload');
      expect(await certificateAt(kamailio.tlsPort)).toBe(second.sha256);
    } finally {
      directory.remove();
    }
  });

  it('demands a client certificate of a CA', async () => {
    const directory = makeTemporaryDirectory();
    try {
      const authority = makeCertificateAuthority();
      const server = authority.issue({ addresses: ['127.0.0.1'] });
      kamailio = await startKamailio({
        tls: {
          certificateFile: directory.write('certificate.pem', server.certificate),
          keyFile: directory.write('key.pem', server.key),
          clientCaFile: directory.write('ca.pem', authority.certificate),
        },
      });
      const message = registerMessage({ transport: 'TLS' });
      await expect(exchangeStream(kamailio.tlsPort, message, 'tls')).rejects.toThrow();
      const { certificate, key } = authority.issue({ names: ['client.test'] });
      const answer = await exchangeStream(kamailio.tlsPort, message, 'tls', { cert: certificate, key });
      expect(answer).toMatch(/^SIP\/2\.0 200 /);
    } finally {
      directory.remove();
    }
  });
});
