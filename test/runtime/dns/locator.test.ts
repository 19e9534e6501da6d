// From a hop to its targets through a DNS server that changes its mind: sharing, lifetimes, the last good targets, and the
// health of targets. DNS servers that say nothing are in silence.test.ts, because they take their time.

import { afterEach, describe, expect, it } from 'vitest';
import type { Target } from '../../../src/core/sip/transport.ts';
import type { Location, Locator } from '../../../src/runtime/dns/locator.ts';
import { startDnsServer } from '../../support/dns-server.ts';
import { hopTo, locatorOnClock, openScene, places, provider, type Zone } from './scene.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function scene(zone: Zone) {
  const opened = await openScene(zone);
  endings.push(opened.end);
  return opened;
}

function ownLocator(): Locator {
  const { locator } = locatorOnClock();
  endings.push(locator.stop);
  return locator;
}

function firstTarget(location: Location): Target {
  if (!location.ok || location.located[0] === undefined) throw new Error('it has no target');
  return location.located[0].target;
}

describe('a locator', () => {
  it('R226 R241 R243 goes from NAPTR over SRV to addresses', async () => {
    const { locate, asked } = await scene(provider());
    const location = await locate({ transport: null });
    expect(places(location)).toEqual(['udp 127.0.0.1:5070', 'udp ::1:5071', 'udp 127.0.0.2:5071']);
    expect(location).toMatchObject({ ok: true, deferredUntil: null, stale: null });
    expect(asked()).toEqual([
      'A a.example.com',
      'A b.example.com',
      'AAAA a.example.com',
      'AAAA b.example.com',
      'NAPTR example.com',
      'SRV _sip._udp.example.com',
    ]);
  });

  it('R242 understands the target "."', async () => {
    const { locate, asked } = await scene({
      ...provider(),
      '_sip._udp.example.com': { srv: [[0, 0, 0, '.']] },
    });
    expect(places(await locate())).toBe('dns.not-offered');
    expect(asked()).toEqual(['SRV _sip._udp.example.com']);
  });

  it('R243 asks again over TCP when an answer was cut', async () => {
    const { locate, asked } = await scene({
      ...provider(),
      '_sip._udp.example.com': { srv: [[10, 0, 5070, 'a.example.com']], truncated: true },
    });
    expect(places(await locate())).toEqual(['udp 127.0.0.1:5070']);
    expect(asked().filter((one) => one.startsWith('SRV'))).toHaveLength(2);
  });

  it('asks nobody about IP literals', async () => {
    const { locate, asked } = await scene({});
    expect(places(await locate({ host: '192.0.2.1' }))).toEqual(['udp 192.0.2.1:5060']);
    expect(places(await locate({ host: '2001:db8::1', transport: 'tls', port: 5071 }))).toEqual([
      'tls 2001:db8::1:5071',
    ]);
    expect(asked()).toEqual([]);
  });

  it('asks once for thousands who want the same, also while the question is under way', async () => {
    const { locate, asked } = await scene(provider());
    await Promise.all(Array.from({ length: 5000 }, () => locate()));
    expect(asked()).toHaveLength(5);
    await Promise.all(Array.from({ length: 5000 }, () => locate()));
    expect(asked()).toEqual([]);
  });

  it('keeps the servers of accounts apart', async () => {
    const one = await scene(provider());
    const other = await startDnsServer({ ...provider(), 'a.example.com': { a: ['127.0.0.9'] } });
    endings.push(other.stop);
    await one.locate();
    expect(places(await one.locator.locate(hopTo({}), [other.address]))).toContain('udp 127.0.0.9:5070');
  });
});

describe('what is known', () => {
  it.each([
    ['its TTL', 120, 119, 121],
    ['no less than 30 s', 0, 29, 31],
    ['no more than 300 s', 86_400, 299, 301],
  ])('R236 is asked for again after %s', async (_, ttl, before, after) => {
    const { locate, asked, clock, zone } = await scene(provider(ttl));
    await locate();
    asked();
    zone['a.example.com'] = { a: ['127.0.0.77'] };
    clock.now += before * 1000;
    expect(places(await locate())).toContain('udp 127.0.0.1:5070');
    // That there is no AAAA record is known for a shorter time.
    expect(asked()).toEqual(['AAAA a.example.com']);
    clock.now += (after - before) * 1000;
    expect(places(await locate())).toContain('udp 127.0.0.77:5070');
    // Node does not tell the TTL of SRV records: they go with the addresses that they led to.
    expect(asked()).toContain('SRV _sip._udp.example.com');
  });

  it('that there is no such name is known for 10 s', async () => {
    const { locate, asked, clock, zone } = await scene({});
    expect(places(await locate({ port: 5060 }))).toBe('dns.no-such-name');
    expect(places(await locate({ port: 5060 }))).toBe('dns.no-such-name');
    expect(asked()).toHaveLength(2);
    zone['example.com'] = { a: ['127.0.0.1'] };
    clock.now += 10_001;
    expect(places(await locate({ port: 5060 }))).toEqual(['udp 127.0.0.1:5060']);
  });

  it('is forgotten when the network changes', async () => {
    const { locate, asked, zone, locator } = await scene(provider());
    await locate();
    asked();
    zone['a.example.com'] = { a: ['127.0.0.77'] };
    locator.networkChanged();
    expect(places(await locate())).toContain('udp 127.0.0.77:5070');
    expect(asked()).toHaveLength(5);
  });
});

describe('DNS that fails', () => {
  it('R244 and answers with an error leaves the last good targets, and says so', async () => {
    const { locate, clock, zone } = await scene(provider());
    const good = await locate();
    clock.now += 400_000;
    for (const name of Object.keys(zone)) zone[name] = 'servfail';
    const stale = await locate();
    expect(stale).toMatchObject({ ok: true, stale: { stage: 'dns', code: 'dns.failed' } });
    expect(places(stale)).toEqual(places(good));
    expect(places(await locate({ port: 5060 }))).toBe('dns.failed');
  });

  it('R244 and says that the name is gone is believed', async () => {
    const { locate, clock, zone } = await scene(provider());
    await locate();
    clock.now += 400_000;
    for (const name of Object.keys(zone)) delete zone[name];
    expect(places(await locate())).toBe('dns.no-such-name');
  });

  it('R244 and comes back is believed at once', async () => {
    const { locate, zone } = await scene({ ...provider(), 'example.com': 'servfail' });
    expect(places(await locate({ port: 5060 }))).toBe('dns.failed');
    zone['example.com'] = { a: ['127.0.0.3'] };
    expect(places(await locate({ port: 5060 }))).toEqual(['udp 127.0.0.3:5060']);
  });

  it.each([
    ['the name does not exist', {}, 'dns.no-such-name'],
    ['the name has no address', { 'example.com': {} }, 'dns.no-address'],
    ['the server answers with an error', { 'example.com': 'servfail' }, 'dns.failed'],
  ] as const)('R244 because %s', async (_, zone, code) => {
    const { locate, server } = await scene({ ...zone });
    const location = await locate({ port: 5060 });
    expect(location).toMatchObject({ ok: false, failure: { stage: 'dns', code } });
    expect(location.ok ? '' : location.failure.cause).toContain(server.address);
  });

  it('R244 when what is asked is no server, or the name is none that DNS can carry', async () => {
    const locator = ownLocator();
    expect(places(await locator.locate(hopTo({ port: 5060 }), ['not an address']))).toBe('dns.failed');
    const { locate } = await scene({});
    expect(places(await locate({ host: `${'x'.repeat(70)}.example.com`, port: 5060 }))).toBe(
      'dns.no-such-name',
    );
  });
});

describe('TLS that DNS names no more', () => {
  const TLS = 'tls 127.0.0.1:5061';
  const UDP = 'udp 127.0.0.1:5070';
  const records = (port: number): Zone[string] => ({ srv: [[10, 0, port, 'a.example.com']] });

  /** A domain with TLS and UDP, whose `_sips._tcp` was taken out when the first answers have ended. */
  async function withdrawn() {
    const opened = await scene({
      'example.com': {},
      '_sips._tcp.example.com': records(5061),
      '_sip._udp.example.com': records(5070),
      'a.example.com': { a: ['127.0.0.1'] },
    });
    const located = () => opened.locate({ transport: null });
    expect(await located()).toMatchObject({ tlsWithdrawn: false });
    opened.zone['_sips._tcp.example.com'] = {};
    opened.clock.now += 600_000;
    return { ...opened, located };
  }

  it('R239 is tried first all the same, and told', async () => {
    const { located, zone, clock } = await withdrawn();
    const location = await located();
    expect(location).toMatchObject({ tlsWithdrawn: true, deferredUntil: null });
    expect(places(location)).toEqual([TLS, UDP]);
    zone['_sips._tcp.example.com'] = records(5062);
    clock.now += 600_000;
    const again = await located();
    expect(again).toMatchObject({ tlsWithdrawn: false });
    expect(places(again)).toEqual(['tls 127.0.0.1:5062', UDP]);
  });

  it('R239 is remembered also while DNS fails', async () => {
    const { located, zone, clock } = await withdrawn();
    await located();
    zone['_sip._udp.example.com'] = 'servfail';
    clock.now += 600_000;
    const location = await located();
    expect(location).toMatchObject({ tlsWithdrawn: true, stale: { code: 'dns.failed' } });
    expect(places(location)).toEqual([TLS, UDP]);
  });

  it('R239 is forgotten after a day', async () => {
    const { located, clock } = await withdrawn();
    await located();
    clock.now += 86_400_000;
    const location = await located();
    expect(location).toMatchObject({ tlsWithdrawn: false });
    expect(places(location)).toEqual([UDP]);
  });
});

describe('the health of targets', () => {
  it('R235 puts a failed target last until its quiet period is over or it serves', async () => {
    const { locate, locator, clock } = await scene(provider());
    const first = firstTarget(await locate());
    locator.noteFailed(first, null);
    const deferred = await locate();
    expect(deferred).toMatchObject({ ok: true, deferredUntil: clock.now + 300_000 });
    expect(places(deferred).at(-1)).toBe('udp 127.0.0.1:5070');
    locator.noteServed(first);
    expect(places(await locate())[0]).toBe('udp 127.0.0.1:5070');
    locator.noteFailed(first, null);
    clock.now += 300_000;
    expect(await locate()).toMatchObject({ deferredUntil: null, located: [{ target: first }, {}, {}] });
  });

  it('R065 keeps one that named a longer time last for that time', async () => {
    const { locate, locator, clock } = await scene(provider());
    const first = firstTarget(await locate());
    locator.noteFailed(first, 3_600);
    expect(await locate()).toMatchObject({ deferredUntil: clock.now + 3_600_000 });
    clock.now += 3_599_999;
    expect(places(await locate()).at(-1)).toBe('udp 127.0.0.1:5070');
    clock.now += 1;
    expect(places(await locate())[0]).toBe('udp 127.0.0.1:5070');
  });
});

describe('the system', () => {
  it('knows names by itself, and DNS is not asked for services of those', async () => {
    const locator = ownLocator();
    const startedAt = performance.now();
    const found = places(await locator.locate(hopTo({ host: 'localhost', transport: null }), []));
    expect(found).toContain('udp 127.0.0.1:5060');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('the end', () => {
  it('gives up what is under way, and asks nothing any more', async () => {
    const { locate, locator, asked } = await scene({ 'example.com': 'silent' });
    const waiting = locate({ transport: null });
    await expect.poll(() => asked().length).toBeGreaterThan(0);
    const startedAt = performance.now();
    locator.stop();
    expect(places(await waiting)).toBe('dns.timeout');
    expect(places(await locate({ port: 5060 }))).toBe('dns.timeout');
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(asked()).toEqual([]);
  });
});
