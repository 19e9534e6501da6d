// IP literals, as text and as addresses.

import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressOctets,
  bracketed,
  ipVersion,
  isIpLiteral,
  isUnicast,
  sameHost,
  sameSocketAddress,
  withoutBrackets,
} from '../../../src/core/sip/ip.ts';
import { isReliable, isSecure, type Transport } from '../../../src/core/sip/transport.ts';

describe('ipVersion', () => {
  it.each(['192.0.2.1', '0.0.0.0', '255.255.255.255'])('%s is version 4', (text) => {
    expect(ipVersion(text)).toBe(4);
  });

  it.each([
    '::',
    '::1',
    '2001:db8::9:1',
    '::ffff:192.0.2.1',
    '1:2:3:4:5:6:7:8',
    '1::',
    'FE80::1',
    '1:2:3:4:5:6:1.2.3.4',
  ])('R216 %s is version 6', (text) => {
    expect(ipVersion(text)).toBe(6);
  });

  it.each([
    '',
    'example.com',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    '[::1]',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    ':1:2:3:4:5:6:7',
    '1.2.3.4::',
    'fe80::1%eth0',
    '::1.2.3',
    '1:2:3:4:5:6:7::8',
  ])('"%s" is no IP literal', (text) => {
    expect(ipVersion(text)).toBe(0);
  });

  it('agrees with node:net about every address without a zone', () => {
    const nearly = fc.string({
      unit: fc.constantFrom('0', '1', 'f', ':', '::', '.', '255', '2001'),
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), nearly), (text) => {
        expect(ipVersion(text)).toBe(isIP(text));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('sameHost', () => {
  it.each([
    ['[::ffff:192.0.2.128]', '[::ffff:c000:280]'],
    ['[2001:db8::9:1]', '2001:DB8:0:0::9:01'],
    ['[0:0:0:0:0:FFFF:129.144.52.38]', '[::FFFF:129.144.52.38]'],
    ['192.0.2.1', '192.0.2.1'],
  ])('R183 %s is the address %s', (a, b) => {
    expect(sameHost(a, b)).toBe(true);
  });

  it.each([
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['[2001:db8::9:1]', '[2001:db8::9:10]'],
    ['192.0.2.1', '192.0.2.10'],
    ['example.com', '192.0.2.1'],
  ])('R183 %s is not %s', (a, b) => {
    expect(sameHost(a, b)).toBe(false);
  });

  it('R019 names have no case', () => {
    expect(sameHost('AtLanTa.CoM', 'atlanta.com')).toBe(true);
  });

  it('R180 an escape in a host is not its character', () => {
    expect(sameHost('ex%61mple.com', 'example.com')).toBe(false);
  });
});

describe('brackets', () => {
  it.each([
    ['2001:db8::1', '[2001:db8::1]'],
    ['[2001:db8::1]', '[2001:db8::1]'],
    ['fe80::1%eth0', '[fe80::1]'],
    ['192.0.2.1', '192.0.2.1'],
    ['example.com', 'example.com'],
  ])('R217 %s is written %s', (address, written) => {
    expect(bracketed(address)).toBe(written);
  });

  it('withoutBrackets takes off a pair and nothing else', () => {
    expect(withoutBrackets('[::1]')).toBe('::1');
    expect(withoutBrackets('[::1')).toBe('[::1');
    expect(withoutBrackets('example.com')).toBe('example.com');
  });
});

describe('what else is asked of an address', () => {
  it.each([
    ['192.0.2.1', true],
    ['2001:db8::1', true],
    ['fe80::1%eth0', true],
    ['example.com', false],
    ['[::1]', false],
    ['', false],
  ])('isIpLiteral(%j) is %s', (text, expected) => {
    expect(isIpLiteral(text)).toBe(expected);
  });

  it.each([
    ['192.0.2.1', true],
    ['127.0.0.1', true],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['2001:db8::1', true],
    ['::1', true],
    ['::', false],
    ['ff02::1', false],
    ['example.com', false],
  ])('isUnicast(%j) is %s', (text, expected) => {
    expect(isUnicast(text)).toBe(expected);
  });

  it.each([
    ['192.0.2.1', [192, 0, 2, 1]],
    ['::ffff:192.0.2.1', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1]],
    ['fe80::1%eth0', [254, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['example.com', null],
  ])('addressOctets(%j)', (text, expected) => {
    expect(addressOctets(text)).toEqual(expected);
  });

  it('compares addresses as numbers, and ports', () => {
    const own = { address: '2001:db8::1', port: 5060 };
    expect(sameSocketAddress(own, { address: '2001:DB8:0::1', port: 5060 })).toBe(true);
    expect(sameSocketAddress(own, { ...own, port: 5061 })).toBe(false);
    expect(sameSocketAddress(own, { ...own, address: '2001:db8::2' })).toBe(false);
  });
});

describe('transports', () => {
  const all: readonly Transport[] = ['udp', 'tcp', 'tls', 'ws', 'wss'];

  it('are reliable but for UDP, and secure with TLS', () => {
    expect(all.filter(isReliable)).toEqual(['tcp', 'tls', 'ws', 'wss']);
    expect(all.filter(isSecure)).toEqual(['tls', 'wss']);
  });
});
