// `sipreg register` to a domain that only DNS knows the way to: a real DNS server (knot) leads to a real Kamailio through
// NAPTR, SRV and A, and through what is broken on the way.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { accountOf } from './account-json.ts';
import { type Home, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';
import { type Knot, startKnot } from './knot.ts';

const PROGRAMS = ['kamailio', 'knotd'] as const;
const DOMAIN = 'provider.test';
const password = 'secret';

const authority = makeCertificateAuthority();
const directory = makeTemporaryDirectory();
const caFile = directory.write('ca.pem', authority.certificate);
// RFC 5922 §4: the certificate is for the domain, not for the server that SRV names.
const server = authority.issue({ names: [DOMAIN] });
const serverTls = {
  certificateFile: directory.write('server.pem', server.certificate),
  keyFile: directory.write('server.key', server.key),
};

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(() => home.remove());
afterAll(() => directory.remove());

describe.skipIf(!PROGRAMS.every(isInstalled))(`located through DNS${missingPrograms(...PROGRAMS)}`, () => {
  let kamailio: Kamailio;
  let knot: Knot;
  let deadPort: number;

  beforeAll(async () => {
    kamailio = await startKamailio({ users: { bob: password }, tls: serverTls });
    deadPort = await freePort();
    knot = await startKnot(DOMAIN, [
      '@ NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp',
      '@ NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp',
      `_sip._tcp SRV 10 0 ${deadPort} dead`,
      `_sip._tcp SRV 20 0 ${kamailio.port} alive`,
      `_sip._udp SRV 10 0 ${kamailio.port} alive`,
      `_sips._tcp SRV 10 0 ${kamailio.tlsPort} alive`,
      'dead A 127.0.0.1',
      'alive A 127.0.0.1',
      `_sip._udp.refused SRV 0 0 0 .`,
    ]);
  });
  afterAll(async () => {
    await kamailio?.stop();
    await knot?.stop();
  });

  async function sipreg(entry: object, ...args: readonly string[]) {
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: `sip:bob@${DOMAIN}`, password, dns: { servers: [knot.address] }, ...entry },
      },
    });
    return await runSipreg(['-c', config, ...args], { home });
  }

  it('R223 R226 R233 R243 goes from NAPTR over SRV to A, past a server that is down, to the registrar', async () => {
    const result = await sipreg({}, '--json', 'register', 'a');
    expect(result.code).toBe(0);
    const { target, state } = accountOf(result);
    expect(state).toBe('registered');
    expect(target).toEqual({
      transport: 'tcp',
      host: 'alive.provider.test',
      address: '127.0.0.1',
      port: kamailio.port,
    });
    const last = (await kamailio.requests('REGISTER')).at(-1);
    expect(last?.transport).toBe('tcp');
    // R220: DNS changes where the request goes, never what it says.
    expect(last?.text.startsWith(`REGISTER sip:${DOMAIN} SIP/2.0\r\n`)).toBe(true);
    expect(await kamailio.bindings('bob')).toHaveLength(1);
  });

  it('R231 R238 takes a transport that is named, and checks the certificate for the domain', async () => {
    const result = await sipreg({ transport: 'tls', tls: { ca: caFile } }, '--json', 'register', 'a');
    expect(result.code).toBe(0);
    expect(accountOf(result)).toMatchObject({
      state: 'registered',
      target: { transport: 'tls', host: 'alive.provider.test', port: kamailio.tlsPort },
    });
  });

  it('asks no DNS server for localhost', async () => {
    const result = await sipreg({ registrar: `sip:localhost:${kamailio.port}` }, '--json', 'register', 'a');
    expect(result.code).toBe(0);
    expect(accountOf(result).target).toMatchObject({ host: 'localhost', port: kamailio.port });
  });

  it('R242 says that a service is not offered', async () => {
    const registrar = `sip:refused.${DOMAIN};transport=udp`;
    const result = await sipreg({ registrar }, '--json', 'register', 'a');
    expect(result.code).toBe(68);
    expect(accountOf(result).failure).toMatchObject({ stage: 'dns', code: 'dns.not-offered' });
  });

  it('--dry-run shows the targets in order, with the records that led to them', async () => {
    const before = (await kamailio.requests()).length;
    const { code, stdout } = await sipreg({}, 'register', '--dry-run', 'a');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(1, 4)).toEqual([
      `  1. tcp 127.0.0.1:${deadPort} (dead.provider.test)  by NAPTR 10 10 SIP+D2T, SRV 10 0 _sip._tcp.provider.test, A`,
      `  2. tcp 127.0.0.1:${kamailio.port} (alive.provider.test)  by NAPTR 10 10 SIP+D2T, SRV 20 0 _sip._tcp.provider.test, A`,
      `  3. udp 127.0.0.1:${kamailio.port} (alive.provider.test)  by NAPTR 20 10 SIP+D2U, SRV 10 0 _sip._udp.provider.test, A`,
    ]);
    const json = JSON.parse((await sipreg({}, '--json', 'register', '--dry-run', 'a')).stdout);
    expect(json.accounts[0].targets[0]).toMatchObject({
      transport: 'tcp',
      port: deadPort,
      decidedBy: { naptr: { order: 10 }, srv: { priority: 10, target: 'dead.provider.test' }, address: 'A' },
    });
    expect(await kamailio.requests()).toHaveLength(before);
  });

  it('--dry-run shows every flow of an account with several outbound proxies', async () => {
    const outboundProxy = [`sip:${DOMAIN}`, `sip:nowhere.${DOMAIN}`, 'sip:127.0.0.1:5099;transport=tcp'];
    const entry = { outbound: 'on', outboundProxy };
    const { code, stdout, stderr } = await sipreg(entry, 'register', '--dry-run', 'a');
    expect(code).toBe(0);
    expect(stdout.match(/^a, flow \d by \S+|^ {2}\d\. \S+ \S+|^Route: .*|reg-id=\d/gm)).toEqual([
      `a, flow 1 by sip:${DOMAIN};lr`,
      `  1. tcp 127.0.0.1:${deadPort}`,
      `  2. tcp 127.0.0.1:${kamailio.port}`,
      `  3. udp 127.0.0.1:${kamailio.port}`,
      `Route: <sip:${DOMAIN};lr>`,
      'reg-id=1',
      'a, flow 3 by sip:127.0.0.1:5099;transport=tcp;lr',
      '  1. tcp 127.0.0.1:5099',
      'Route: <sip:127.0.0.1:5099;transport=tcp;lr>',
      'reg-id=3',
    ]);
    expect(stderr).toContain(`a, flow 2 by sip:nowhere.${DOMAIN};lr: `);
    const json = JSON.parse((await sipreg(entry, '--json', 'register', '--dry-run', 'a')).stdout);
    expect(json.accounts[0].flows).toMatchObject([
      { regId: 1, targets: [{ port: deadPort }, {}, {}] },
      { regId: 2, failure: { code: 'dns.no-such-name' } },
      { regId: 3, targets: [{ transport: 'tcp', port: 5099 }] },
    ]);
  });
});
