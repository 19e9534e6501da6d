// DNS servers that do not answer. Each costs the resolver's whole patience, so these tests run beside one another.

import { describe, it, type TestContext } from 'vitest';
import { openScene, places, provider, type Zone } from './scene.ts';

async function scene({ onTestFinished }: TestContext, zone: Zone) {
  const opened = await openScene(zone);
  onTestFinished(opened.end);
  return opened;
}

describe.concurrent('a DNS server that is silent', () => {
  it('R244 leaves the last good targets, and that is said', async (context) => {
    const { locate, clock, zone } = await scene(context, provider());
    const good = await locate();
    clock.now += 400_000;
    for (const name of Object.keys(zone)) zone[name] = 'silent';
    const stale = await locate();
    context.expect(stale).toMatchObject({ ok: true, stale: { stage: 'dns', code: 'dns.timeout' } });
    context.expect(places(stale)).toEqual(places(good));
  });

  it('R244 for NAPTR alone does not hold up SRV', async (context) => {
    const zone: Zone = { ...provider(), 'example.com': { silentFor: ['NAPTR'] } };
    const { locate } = await scene(context, zone);
    context.expect(places(await locate({ transport: null }))).toContain('udp 127.0.0.1:5070');
  });

  it('R244 for one family of addresses leaves the other', async (context) => {
    const zone: Zone = { 'example.com': { a: ['127.0.0.1'], silentFor: ['AAAA'] } };
    const { locate } = await scene(context, zone);
    context.expect(places(await locate({ port: 5060 }))).toEqual(['udp 127.0.0.1:5060']);
  });

  it('R244 is told by name, and within the time that a command has', async (context) => {
    const { locate, server } = await scene(context, { 'example.com': 'silent' });
    const startedAt = performance.now();
    const location = await locate({ port: 5060 });
    context.expect(location).toMatchObject({ ok: false, failure: { stage: 'dns', code: 'dns.timeout' } });
    context.expect(location.ok ? '' : location.failure.cause).toContain(server.address);
    context.expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
