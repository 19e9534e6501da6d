// What SRV is for: servers of a domain of which the first does not serve. A real DNS server (knot), real registrars
// (Kamailio), and silence.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, failureIn } from './account-json.ts';
import { type CommandResult, type Home, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { type Knot, startKnot } from './knot.ts';

const PROGRAMS = ['kamailio', 'knotd'] as const;
const DOMAIN = 'failover.test';

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(() => home.remove());

/** `sipreg --json register a` at `host`, which DNS leads to servers by UDP. */
async function register(at: Home, servers: string, host: string): Promise<CommandResult> {
  const config = await at.write('accounts.json', {
    accounts: {
      a: {
        aor: `sip:bob@${DOMAIN}`,
        registrar: `sip:${host};transport=udp`,
        password: 'secret',
        dns: { servers: [servers] },
      },
    },
  });
  return await runSipreg(['--json', '-c', config, 'register', 'a'], { home: at, timeoutMs: 60_000 });
}

describe.skipIf(!PROGRAMS.every(isInstalled))(`the next server${missingPrograms(...PROGRAMS)}`, () => {
  let [first, second]: Kamailio[] = [];
  let silent: Socket;
  let knot: Knot;
  let patientHome: Home;
  /** Takes as long as Timer F, so the other tests run meanwhile. */
  let patience: Promise<CommandResult>;

  beforeAll(async () => {
    silent = createSocket('udp4').bind(0, '127.0.0.1');
    [, first, second, patientHome] = await Promise.all([
      once(silent, 'listening'),
      startKamailio(),
      startKamailio({ users: { bob: 'secret' } }),
      temporaryHome(),
    ]);
    knot = await startKnot(DOMAIN, [
      `_sip._udp.busy SRV 10 0 ${first.port} host`,
      `_sip._udp.busy SRV 20 0 ${second.port} host`,
      `_sip._udp.silent SRV 10 0 ${silent.address().port} host`,
      `_sip._udp.silent SRV 20 0 ${second.port} host`,
      `_sip._udp.overloaded SRV 10 0 ${first.port} host`,
      'host A 127.0.0.1',
    ]);
    patience = register(patientHome, knot.address, `silent.${DOMAIN}`);
    patience.catch(() => undefined); // Whoever awaits it gets the error.
  });
  afterAll(async () => {
    await Promise.all([first?.stop(), second?.stop(), knot?.stop(), patientHome?.remove()]);
    silent?.close();
  });

  it.each([[undefined], ['Retry-After: 120']])(
    'R233 is asked in the same round when the first answers 503 (%s)',
    async (header) => {
      await first?.answerWith({ status: 503, reason: 'Overloaded', ...(header && { header }) });
      const before = (await first?.requests('REGISTER'))?.length ?? 0;
      const result = await register(home, knot.address, `busy.${DOMAIN}`);
      expect(result.code).toBe(0);
      const { state, target, failure, callId } = accountOf(result);
      expect({ state, failure, port: target?.port }).toEqual({
        state: 'registered',
        failure: null,
        port: second?.port,
      });
      const [refused, ...more] = ((await first?.requests('REGISTER')) ?? []).slice(before);
      expect(more).toEqual([]);
      const taken = (await second?.requests('REGISTER'))?.find(
        ({ text }) => fieldValues(text, 'Call-ID')[0] === callId,
      );
      const [one, other] = [refused?.text ?? '', taken?.text ?? ''];
      expect(fieldValues(one, 'Call-ID')).toEqual([callId]);
      expect(fieldValues(one, 'CSeq')).toEqual(['1 REGISTER']);
      expect(fieldValues(other, 'CSeq')).toEqual(['2 REGISTER']);
      expect(fieldValues(other, 'Via')[0]).not.toBe(fieldValues(one, 'Via')[0]);
    },
  );

  it('is none: the Retry-After of the only one is told', async () => {
    await first?.answerWith({ status: 503, reason: 'Overloaded', header: 'Retry-After: 120' });
    const result = await register(home, knot.address, `overloaded.${DOMAIN}`);
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.unavailable', status: 503, retryAfter: 120 });
  });

  it('R244 is none where DNS says that there is no such name, which is not the same as saying nothing', async () => {
    const unknown = await register(home, knot.address, `nobody.${DOMAIN}`);
    expect(unknown.code).toBe(68);
    expect(failureIn(unknown).code).toBe('dns.no-such-name');
    const unanswered = await register(home, `127.0.0.1:${silent.address().port}`, `busy.${DOMAIN}`);
    expect(unanswered.code).toBe(68);
    expect(failureIn(unanswered).code).toBe('dns.timeout');
    expect(failureIn(unanswered).cause).toContain(`127.0.0.1:${silent.address().port} did not answer`);
  }, 40_000);

  it('R233 is asked when the first says nothing for as long as a transaction lasts', async () => {
    const result = await patience;
    expect(result.code).toBe(0);
    expect(result.ms).toBeGreaterThan(31_000);
    expect(accountOf(result)).toMatchObject({ state: 'registered', target: { port: second?.port } });
  }, 60_000);
});
