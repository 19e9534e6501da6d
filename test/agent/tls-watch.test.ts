import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { AgentEvent } from '../../src/agent/events.ts';
import { watchPeerExpiry } from '../../src/agent/expiry-watch.ts';
import { createAgentMetrics } from '../../src/agent/metrics.ts';
import { invalidText, type TlsWatch, watchTls } from '../../src/agent/tls-watch.ts';
import type { TlsSnapshot } from '../../src/core/health/snapshot.ts';
import { failureOf } from '../../src/core/health/verdict.ts';
import { stampText } from '../../src/runtime/local-time.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../src/runtime/tls/settings.ts';
import { makeCertificateAuthority, makeTemporaryDirectory } from '../support/certificates.ts';
import { until } from '../support/flows.ts';

const directory = makeTemporaryDirectory();
afterAll(directory.remove);

const authority = makeCertificateAuthority();
const first = authority.issue({ commonName: 'first' });
const second = authority.issue({ commonName: 'second', keys: first.keys });
const settings: TlsSettings = {
  ...DEFAULT_TLS_SETTINGS,
  cert: directory.write('own.pem', first.certificate),
  key: directory.write('own.key', first.key),
};

const watches: TlsWatch[] = [];
afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});

function scene() {
  const told: AgentEvent[] = [];
  const moved: boolean[] = [];
  const woken: boolean[] = [];
  const watch = watchTls({
    emit: (event) => told.push(event),
    inUse: () => [settings, DEFAULT_TLS_SETTINGS, settings],
    superseded: (concerns) => moved.push(concerns(settings), concerns(DEFAULT_TLS_SETTINGS)),
    usable: (concerns) => woken.push(concerns(settings)),
  });
  watches.push(watch);
  return { told, moved, woken, watch };
}

function textsOf(events: readonly AgentEvent[], code: string): readonly string[] {
  return events.flatMap((event) => ('code' in event && event.code === code ? [event.text] : []));
}

describe("the agent's TLS files", () => {
  it('tell of a renewal what changed and what did not, both certificates, and how many use them', async () => {
    const { told, moved, watch } = scene();
    writeFileSync(String(settings.cert), first.certificate);
    await watch.materialFor(settings);
    const digest = watch.currentDigest(settings);
    writeFileSync(String(settings.cert), second.certificate);
    await watch.checkNow();
    const [text = ''] = textsOf(told, 'tls.material-reloaded');
    expect(text).toContain('reloaded certificate (unchanged: key)');
    expect(text).toContain(`before "CN=first", serial ${first.x509.serialNumber}, valid from`);
    expect(text).toContain(`now "CN=second", serial ${second.x509.serialNumber}, valid from`);
    expect(text).toContain('2 accounts use them');
    expect(moved).toEqual([true, false]);
    expect(watch.currentDigest(settings)).not.toBe(digest);
    expect(watch.health(settings)).toMatchObject({ state: 'current', own: { subject: 'CN=second' } });
  });

  it('wake who waits for them, as soon as they can be used', async () => {
    const { woken, watch } = scene();
    writeFileSync(String(settings.cert), 'half');
    expect((await watch.materialFor(settings)).ok).toBe(false);
    writeFileSync(String(settings.cert), first.certificate);
    await until(() => woken.length > 0);
    expect(woken).toEqual([true]);
    expect(watch.problems()).toEqual([]);
  });

  it('are counted by what was made of their changes', async () => {
    const { told, watch } = scene();
    const { agent, observe } = createAgentMetrics(0);
    writeFileSync(String(settings.cert), first.certificate);
    await watch.materialFor(settings);
    for (const content of [second.certificate, second.certificate, 'half', second.certificate]) {
      writeFileSync(String(settings.cert), content);
      await watch.checkNow();
    }
    for (const event of told) observe(event);
    // What is only half-written is nobody's fault yet: it is counted when it has lasted for a minute.
    expect(agent.materialReloads).toEqual([1, 2, 0]);
    expect(textsOf(told, 'tls.material-unchanged')[0]).toContain(
      `${settings.cert}, ${settings.key} were written`,
    );
  });

  it('that cannot be used are told with the local time since when, as everything for people', () => {
    const since = '2026-11-21T11:00:00.000Z';
    const failure = failureOf('config.invalid', 'certificate and key do not belong together');
    const text = invalidText({ files: settings, concerns: () => true, failure, since, hasFormer: true });
    expect(text).toContain(`${settings.key} cannot be used since ${stampText(since)}: certificate and key`);
    expect(text).toContain('the former ones stay in use');
    expect(text).not.toContain(since);
  });

  it('that nobody has are not looked at', async () => {
    const { watch } = scene();
    await watch.checkNow();
    watch.forgetUnused();
    expect(watch.currentDigest(settings)).toBeNull();
    expect(watch.health(settings)).toBeNull();
  });
});

describe("the servers' certificates", () => {
  const DAY = 86_400_000;
  const start = Date.parse('2026-11-21T12:00:00Z');
  const at = (days: number): Date => new Date(start + days * DAY);
  const flow = (sha256: string, lifetimeDays: number) => {
    const dates = { validFrom: at(0).toISOString(), validTo: at(lifetimeDays).toISOString() };
    const peer = { ...dates, subject: 'CN=pbx', issuer: 'CN=CA', sha256, daysLeft: null };
    const tls: TlsSnapshot = {
      protocol: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      peer,
      own: null,
      clientCertificateRequested: false,
      expiry: 'ok',
      material: { state: 'current', since: null, cause: null },
    };
    return { tls, remote: { address: '192.0.2.7', port: 5061 } };
  };

  it('near their end are told once for each level, whoever many flows see them', () => {
    const told: AgentEvent[] = [];
    const flows = [flow('aa', 90), flow('aa', 90), flow('bb', 900), { ...flow('cc', 1), tls: null }];
    const watch = watchPeerExpiry(
      () => flows,
      (event) => told.push(event),
    );
    watch.stop();
    for (const day of [0, 68, 70, 75, 84, 85, 95]) watch.look(at(day));
    expect(told.map(({ severity }) => severity)).toEqual(['warning', 'error']);
    const [warning = '', critical = ''] = textsOf(told, 'tls.peer-expiring');
    expect(warning).toContain('192.0.2.7:5061 ("CN=pbx", issued by "CN=CA") expires in 20 days');
    expect(critical).toContain('expires in 6 days');
  });
});
