// Which address families a host has, and which comes first.

import { describe, expect, it } from 'vitest';
import { familiesOf, familiesOfHost } from '../../../src/runtime/dns/host-families.ts';

const address = (text: string, internal = false) => ({
  address: text,
  family: text.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
  internal,
});

describe('the families of a host', () => {
  it.each([
    ['both, IPv6 first', ['192.0.2.1', '2001:db8::1'], [6, 4]],
    ['IPv4 before IPv6 that is only unique local', ['192.0.2.1', 'fd00::1'], [4, 6]],
    ['IPv4 alone: link-local addresses lead nowhere', ['192.0.2.1', 'fe80::1'], [4]],
    ['IPv6 alone', ['fd00::1'], [6]],
    ['both when it has none now', ['fe80::1'], [6, 4]],
  ] as const)('R246 R247 are %s', (_, addresses, families) => {
    expect(familiesOf([address('127.0.0.1', true), ...addresses.map((one) => address(one))])).toEqual(
      families,
    );
  });

  it('are at least one', () => {
    expect(familiesOfHost().length).toBeGreaterThan(0);
  });
});
