// Locating servers whatever DNS says: it comes to an end, and its promises hold.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../../../src/core/rng.ts';
import { isSecure } from '../../../src/core/sip/transport.ts';
import { hopTo, run, type Zone } from './zone.ts';

describe('whatever DNS says', () => {
  const name = fc.constantFrom('a.example.com', 'b.example.com', 'example.com', '', 'no name\u0007');
  const srvRecord = fc.record({
    priority: fc.integer({ min: 0, max: 2 }),
    weight: fc.integer({ min: 0, max: 100 }),
    port: fc.constantFrom(0, 5060, 5061),
    target: name,
  });
  const naptrRecord = fc.record({
    order: fc.integer({ min: 0, max: 2 }),
    preference: fc.integer({ min: 0, max: 2 }),
    flags: fc.constantFrom('s', 'S', 'a', ''),
    service: fc.constantFrom('SIP+D2U', 'SIPS+D2T', 'SIP+D2T', 'SIPS+D2W', 'constructor', ''),
    regexp: fc.constantFrom('', '!x!y!'),
    replacement: fc.constantFrom('_sip._udp.example.com', '_sips._tcp.example.com', 'example.com', '.'),
  });
  const silence = fc.constantFrom('timeout', 'servfail', 'nodata');
  const entry = (records: fc.Arbitrary<unknown>) => fc.oneof(fc.array(records, { maxLength: 5 }), silence);
  const zone = fc.record(
    {
      'NAPTR example.com': entry(naptrRecord),
      'SRV _sip._udp.example.com': entry(srvRecord),
      'SRV _sip._tcp.example.com': entry(srvRecord),
      'SRV _sips._tcp.example.com': entry(srvRecord),
      'SRV example.com': entry(srvRecord),
      'A example.com': entry(fc.constantFrom('192.0.2.80', '127.0.0.1')),
      'A a.example.com': entry(fc.constantFrom('192.0.2.1', '192.0.2.2')),
      'AAAA b.example.com': entry(fc.constantFrom('2001:db8::1')),
    },
    { requiredKeys: [] },
  );
  const uris = fc.constantFrom(
    'sip:example.com',
    'sips:example.com',
    'sip:example.com;transport=tcp',
    'sip:example.com:5070',
    'sips:example.com;transport=ws',
  );

  it('R042 R224 R246 it ends, asks nothing twice, and sips never leads to a target without TLS', () => {
    fc.assert(
      fc.property(
        zone,
        uris,
        fc.integer(),
        fc.subarray([4, 6] as (4 | 6)[]),
        (records, text, seed, families) => {
          const { step, asked } = run(hopTo(text), records as Zone, { rng: seededRng(seed), families });
          expect(asked.length).toBeLessThanOrEqual(3);
          if (step.type === 'failed') return;
          expect(step.targets.length).toBeGreaterThan(0);
          const places = step.targets.map(
            ({ target }) => `${target.transport} ${target.address} ${target.port}`,
          );
          expect(new Set(places).size).toBe(places.length);
          for (const { target } of step.targets) {
            if (text.startsWith('sips')) expect(isSecure(target.transport)).toBe(true);
            if (target.address.includes(':')) expect(families).toContain(6);
            expect(target.host).toMatch(/^[\w.-]+$/);
            expect(target.port).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
