// Where answers go, by the examples of RFC 3261 §18.2 and RFC 3581 §4 and their corner cases.

import { expect, it } from 'vitest';
import { formatVia, parseVia, type Via } from '../../../src/core/sip/via.ts';
import { replyAddress, stampVia } from '../../../src/core/uas/reply-path.ts';

const source = { address: '192.0.2.1', port: 9988 };

function via(text: string): Via {
  const parsed = parseVia(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
}

it.each([
  [
    'SIP/2.0/UDP 10.1.1.1:4540;rport;branch=b',
    'SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=b;received=192.0.2.1',
  ],
  [
    'SIP/2.0/UDP 192.0.2.1:9988;rport;branch=b',
    'SIP/2.0/UDP 192.0.2.1:9988;rport=9988;branch=b;received=192.0.2.1',
  ],
  ['SIP/2.0/UDP 10.1.1.1:4540;branch=b', 'SIP/2.0/UDP 10.1.1.1:4540;branch=b;received=192.0.2.1'],
  ['SIP/2.0/UDP 192.0.2.1:4540;branch=b', 'SIP/2.0/UDP 192.0.2.1:4540;branch=b'],
  ['SIP/2.0/UDP phone.test;branch=b', 'SIP/2.0/UDP phone.test;branch=b;received=192.0.2.1'],
  [
    'SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;rport=1;branch=b',
    'SIP/2.0/UDP 192.0.2.1;rport=9988;branch=b;received=192.0.2.1',
  ],
])('stamps %s', (sent, stamped) => {
  expect(formatVia(stampVia(via(sent), source))).toBe(stamped);
});

it('writes an IPv6 address without its zone', () => {
  const link = { address: 'fe80::1%eth0', port: 5060 };
  expect(formatVia(stampVia(via('SIP/2.0/UDP [fe80::1];branch=b'), link))).toBe(
    'SIP/2.0/UDP [fe80::1];branch=b',
  );
  expect(formatVia(stampVia(via('SIP/2.0/UDP a.test;branch=b'), link))).toContain(';received=fe80::1');
});

it.each([
  ['SIP/2.0/UDP 10.1.1.1:4540;rport;branch=b', 9988],
  ['SIP/2.0/UDP 10.1.1.1:4540;branch=b', 4540],
  ['SIP/2.0/UDP 10.1.1.1;branch=b', 5060],
  ['SIP/2.0/UDP 10.1.1.1:4540;maddr=198.51.100.1;branch=b', 4540],
])('answers %s at the address it came from, port %i', (sent, port) => {
  expect(replyAddress(via(sent), source)).toEqual({ address: '192.0.2.1', port });
});
