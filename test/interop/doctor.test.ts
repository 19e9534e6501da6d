// `sipreg doctor` as an administrator runs it: against a real Kamailio that is well, and against each thing that can be wrong.
// It never changes a binding, and tries the credentials once.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { startTlsServer } from '../support/tls-servers.ts';
import { startSipreg } from './command.ts';
import { boundAt, openDoctorScene, registersOf, reportOf } from './doctor-scene.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { startKnot } from './knot.ts';
import { responseTo, startUdpServer } from './plain-server.ts';

const PROGRAMS = ['kamailio', 'knotd'] as const;
const USERS = {
  udp: 'pass-udp',
  tcp: 'pass-tcp',
  tls: 'pass-tls',
  wrong: 'other',
  secret: 'x',
  crowd: 'pass-crowd',
};

const authority = makeCertificateAuthority();
const directory = makeTemporaryDirectory();
const ca = directory.write('ca.pem', authority.certificate);
const identity = authority.issue({ names: ['pbx.test'] });
const serverTls = {
  certificateFile: directory.write('server.pem', identity.certificate),
  keyFile: directory.write('server.key', identity.key),
};

const { homeOf, doctorOf, close } = openDoctorScene();
const closers: (() => Promise<void>)[] = [];
let kamailio: Kamailio;

afterAll(async () => {
  for (const stop of closers) await stop();
  await close();
  directory.remove();
});

function accountAt(user: keyof typeof USERS, more: object = {}) {
  const registrar = `sip:127.0.0.1:${kamailio.port}`;
  return { aor: `sip:${user}@127.0.0.1`, registrar, transport: 'tcp', password: USERS[user], ...more };
}

function overTls(port: number, more: object = {}) {
  return {
    aor: 'sip:tls@pbx.test',
    registrar: `sip:pbx.test:${port}`,
    outboundProxy: `sip:127.0.0.1:${port};transport=tls`,
    transport: 'tls',
    password: USERS.tls,
    tls: { ca, serverName: 'pbx.test' },
    ...more,
  };
}

describe.skipIf(!PROGRAMS.every(isInstalled))(`doctor${missingPrograms(...PROGRAMS)}`, () => {
  beforeAll(async () => {
    kamailio = await startKamailio({ users: USERS, tls: serverTls });
    closers.push(() => kamailio.stop());
  });

  it.concurrent('says that nobody answers, in time, and ends at once when it is interrupted', async () => {
    const server = await startUdpServer(() => null);
    closers.push(server.stop);
    const account = {
      aor: 'sip:a@127.0.0.1',
      registrar: `sip:127.0.0.1:${server.port}`,
      transport: 'udp',
      password: 'x',
    };
    const { home, config } = await homeOf({ a: account });
    const examined = Promise.all([doctorOf(account), doctorOf(account, '--no-register')]);
    const running = startSipreg(['-c', config, 'doctor', 'a'], { home });
    await running.waitFor('stdout', /dns\.route/);
    const interruptedAt = performance.now();
    running.kill('SIGINT');
    expect((await running.result).code).toBe(130);
    expect(performance.now() - interruptedAt).toBeLessThan(2_000);

    const [silent, unasked] = await examined;
    expect(silent).toMatchObject({ code: 1, failing: ['register.answer register.timeout'] });
    expect(silent.fact('options.answer')?.mark).toBe('warn');
    expect(silent.ms).toBeLessThan(20_000);
    expect(unasked).toMatchObject({ code: 1, failing: ['options.answer register.timeout'] });
  }, 60_000);

  it.concurrent.each(['udp', 'tcp', 'tls'] as const)(
    'finds nothing wrong over %s, and changes nothing',
    async (transport) => {
      const account = transport === 'tls' ? overTls(kamailio.tlsPort) : accountAt(transport, { transport });
      const { sipreg } = await homeOf({ a: account });
      expect((await sipreg('register', 'a')).code).toBe(0);
      const bound = await boundAt(kamailio, transport);
      const before = (await registersOf(kamailio, transport)).length;

      const { code, failing, fact, stdout, stderr } = reportOf(await sipreg('--json', 'doctor', 'a'));
      expect({ code, failing, stderr }).toEqual({ code: 0, failing: [], stderr: '' });
      expect(stdout).not.toContain(USERS[transport]);
      expect(fact('register.answer')?.text).toBe('200 OK after 2 requests');
      expect(fact('options.answer')?.text).toBe('200 OK');
      expect(fact('options.server')?.text).toMatch(/kamailio/);
      expect(fact('digest.choice')?.text).toMatch(/^MD5/);
      expect(fact('auth.credentials')?.mark).toBe('ok');
      expect(fact('bindings.own')?.text).toContain(bound[0]?.contact);
      expect(fact('nat.address')?.text).toMatch(/^no NAT/);
      expect(fact(transport === 'udp' ? 'udp.send' : 'tcp.connect')?.mark).toBe('ok');
      if (transport !== 'udp') expect(fact('keepalive.answer')?.text).toBe('CRLF ping answered');
      if (transport === 'tls') {
        for (const step of ['handshake', 'certificate', 'chain', 'name', 'dates', 'client-certificate']) {
          expect(fact(`tls.${step}`)?.mark).toBe('ok');
        }
      }

      expect(await boundAt(kamailio, transport)).toEqual(bound);
      const asked = (await registersOf(kamailio, transport)).slice(before);
      expect(asked).toHaveLength(2);
      for (const text of asked) {
        expect([fieldValues(text, 'Contact'), fieldValues(text, 'Expires')]).toEqual([[], []]);
        // A Call-ID of its own.
        expect(fieldValues(text, 'Call-ID')).not.toEqual([bound[0]?.callId]);
      }
    },
  );

  it.concurrent('tries a wrong password once', async () => {
    const { code, failing, fact, stdout, stderr } = await doctorOf(
      accountAt('wrong', { password: 'hunter2' }),
    );
    expect({ code, failing }).toEqual({ code: 1, failing: ['auth.credentials auth.rejected'] });
    expect(fact('bindings.own')?.mark).toBe('skipped');
    const sent = (await registersOf(kamailio, 'wrong')).filter(
      (text) => fieldValues(text, 'Authorization').length > 0,
    );
    expect(sent).toHaveLength(1);
    expect(stdout + stderr).not.toContain('hunter2');
    expect(stdout).not.toMatch(/[0-9a-f]{32}/);
  });

  it.concurrent('goes on without a secret that cannot be read', async () => {
    const { code, failing, fact } = await doctorOf(accountAt('secret', { password: { file: 'missing' } }));
    expect({ code, failing }).toEqual({ code: 1, failing: ['secret.source secret.unreadable'] });
    expect(fact('digest.offered')?.mark).toBe('ok');
    expect(fact('auth.credentials')?.mark).toBe('skipped');
    for (const text of await registersOf(kamailio, 'secret'))
      expect(fieldValues(text, 'Authorization')).toEqual([]);
  });

  it.concurrent('tells our bindings from stale ones and those of others', async () => {
    const { sipreg } = await homeOf({ a: accountAt('crowd') });
    expect((await sipreg('register', 'a')).code).toBe(0);
    for (const contact of ['sip:crowd@127.0.0.1:9', 'sip:crowd@198.51.100.9:5060']) {
      await kamailio.rpc('ul.add', 'location', 'crowd', contact, 600, 1, '', 0, 0, 0);
    }
    const bound = await boundAt(kamailio, 'crowd');
    const { code, facts } = reportOf(await sipreg('--json', 'doctor', 'a'));
    expect(code).toBe(0);
    const bindings = facts.filter((one) => one.code.startsWith('bindings.'));
    expect(bindings.map((one) => `${one.code} ${one.mark}`)).toEqual([
      'bindings.own ok',
      'bindings.stale warn',
      'bindings.foreign warn',
    ]);
    expect(bindings[1]?.text).toContain('sip:crowd@127.0.0.1:9,');
    expect(bindings[2]?.text).toContain('198.51.100.9');
    expect(await boundAt(kamailio, 'crowd')).toEqual(bound);
  });

  it.concurrent('sends no REGISTER with --no-register', async () => {
    const server = await startUdpServer((request) =>
      responseTo(request, '200 OK', 'Allow: INVITE, BYE', 'Server: x'),
    );
    closers.push(server.stop);
    const account = { aor: 'sip:a@127.0.0.1', registrar: `sip:127.0.0.1:${server.port}`, transport: 'udp' };
    const { code, failing, fact, skipped } = await doctorOf(account, '--no-register');
    expect({ code, failing }).toEqual({ code: 0, failing: [] });
    expect(fact('options.allow')?.text).toBe('INVITE, BYE');
    expect(skipped).toEqual(
      expect.arrayContaining(['register.answer', 'digest.offered', 'auth.credentials', 'bindings.own']),
    );
    // The keep-alive is the only thing that is no OPTIONS.
    const methods = server.requests
      .filter((text) => / SIP\/2\.0\r\n/.test(text))
      .map((text) => text.split(' ', 1)[0]);
    expect(new Set(methods)).toEqual(new Set(['OPTIONS']));
  });

  it.concurrent('says that what listens does not speak SIP', async () => {
    const server = await startUdpServer(() => 'good morning');
    closers.push(server.stop);
    const account = { aor: 'sip:a@127.0.0.1', registrar: `sip:127.0.0.1:${server.port}`, transport: 'udp' };
    const { code, failing } = await doctorOf(account, '--no-register');
    expect({ code, failing }).toEqual({ code: 1, failing: ['options.answer register.not-sip'] });
  });

  it.concurrent('says that nothing listens', async () => {
    const port = await freePort();
    for (const [transport, step] of [
      ['udp', 'udp.send'],
      ['tcp', 'tcp.connect'],
    ]) {
      const account = {
        aor: 'sip:a@127.0.0.1',
        registrar: `sip:127.0.0.1:${port}`,
        transport,
        password: 'x',
      };
      const { code, failing, skipped } = await doctorOf(account);
      expect({ code, failing }).toEqual({ code: 1, failing: [`${step} connect.refused`] });
      expect(skipped).toEqual(
        expect.arrayContaining(['options.answer', 'register.answer', 'bindings.own', 'clock.date']),
      );
    }
  });

  it.concurrent('says that there is no such name, and what DNS said on the way', async () => {
    const knot = await startKnot('provider.test', ['_sip._udp SRV 10 0 5060 gone']);
    closers.push(knot.stop);
    const account = { aor: 'sip:a@provider.test', password: 'x', dns: { servers: [knot.address] } };
    const { code, failing, facts, fact } = await doctorOf(account);
    expect({ code, failing }).toEqual({ code: 1, failing: ['dns.targets dns.no-such-name'] });
    expect(facts.filter((one) => one.code === 'dns.srv').map(({ text }) => text)).toContain(
      '_sip._udp.provider.test: gone.provider.test:5060 priority 10 weight 0',
    );
    expect(fact('dns.a')?.text).toBe('gone.provider.test: there is no such name');
    expect(fact('options.answer')?.mark).toBe('skipped');
  });

  it.concurrent('says that a certificate has expired, and shows it', async () => {
    const expired = authority.issue({ names: ['pbx.test'], notBefore: new Date('2020-01-01T00:00:00Z') });
    const server = await startTlsServer(expired);
    closers.push(server.stop);
    const { code, failing, fact } = await doctorOf(overTls(server.port));
    expect({ code, failing }).toEqual({ code: 1, failing: ['tls.dates tls.expired'] });
    expect(fact('tls.dates')?.failure?.cause).toContain('2020-01-31');
    expect(fact('tcp.connect')?.mark).toBe('ok');
    expect(fact('tls.certificate')?.text).toContain(expired.sha256);
    expect(fact('register.answer')?.mark).toBe('skipped');
  });

  it.concurrent('says that our own certificate and key do not belong together', async () => {
    const [one, two] = [authority.issue({ commonName: 'us' }), authority.issue({ commonName: 'us' })];
    const tls = {
      ca,
      cert: directory.write('one.pem', one.certificate),
      key: directory.write('two.key', two.key),
    };
    const { code, failing, skipped } = await doctorOf(overTls(kamailio.tlsPort, { tls }));
    expect({ code, failing }).toEqual({ code: 1, failing: ['tls.files tls.own-material'] });
    expect(skipped).toEqual(expect.arrayContaining(['tls.handshake', 'options.answer', 'register.answer']));
  });

  it.concurrent('tells of a NAT and of a clock that is two hours off', async () => {
    const date = new Date(Date.now() + 7_200_000).toUTCString();
    const server = await startUdpServer((request) => {
      const behindNat = request.replace(/;rport\b[^;\r]*/, ';received=203.0.113.5;rport=61000');
      return responseTo(behindNat, '200 OK', `Date: ${date}`);
    });
    closers.push(server.stop);
    const account = {
      aor: 'sip:a@127.0.0.1',
      registrar: `sip:127.0.0.1:${server.port}`,
      transport: 'udp',
      nat: 'off',
    };
    const { code, fact } = await doctorOf(account);
    expect(code).toBe(0);
    expect(fact('nat.address')).toMatchObject({
      mark: 'warn',
      text: expect.stringContaining('a NAT: the server sees 203.0.113.5:61000'),
    });
    expect(fact('clock.date')).toMatchObject({
      mark: 'warn',
      text: expect.stringMatching(/this host is (2 h|1 h 59 min) behind the server/),
    });
  });

  it.concurrent('examines all enabled accounts with --all, and reads well in a pipe', async () => {
    const port = await freePort();
    const dead = {
      aor: 'sip:a@127.0.0.1',
      registrar: `sip:127.0.0.1:${port}`,
      transport: 'tcp',
      password: 'x',
    };
    const { sipreg } = await homeOf({
      one: dead,
      two: { ...dead, aor: 'sip:b@127.0.0.1' },
      off: { ...dead, aor: 'sip:c@127.0.0.1', enabled: false },
    });
    const { code, stdout } = await sipreg('doctor', '--all');
    expect(code).toBe(1);
    const heads = stdout.split('\n').filter((line) => /^\w/.test(line));
    expect(heads).toEqual([
      `one  sip:a@127.0.0.1  at sip:127.0.0.1:${port}`,
      `two  sip:b@127.0.0.1  at sip:127.0.0.1:${port}`,
    ]);
    expect(stdout).toContain(` FAIL tcp.connect             tcp 127.0.0.1:${port}  connect.refused\n`);
    expect(stdout).toMatch(/^✗ two {2}1 failed \(tcp\.connect\)/m);
    expect(stdout).toMatch(/^✗ something failed in 2 of 2 accounts: one, two$/m);
    expect(stdout).not.toContain('\u001b');
    const disabled = await sipreg('doctor', 'off');
    expect(disabled.stdout).toContain('WARN config.enabled');
    expect((await sipreg('doctor', 'none')).code).toBe(66);
    expect((await sipreg('doctor')).code).toBe(64);
    expect((await sipreg('doctor', 'one', '--all')).code).toBe(64);
  });
});
