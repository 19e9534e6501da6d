// Via values: what they say, and the address that the other side saw.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  branchOf,
  formatVia,
  parseVia,
  receivedAddress,
  topVia,
  type Via,
  viaCount,
} from '../../../src/core/sip/via.ts';
import { via as anyVia } from './arbitraries.ts';
import { codeOf, parsed, requestText, unwrapped } from './vectors.ts';

const via = (text: string): Via => unwrapped(parseVia(text));

describe('parseVia', () => {
  it('takes a Via apart', () => {
    expect(via('SIP/2.0/UDP pc33.example.com:5066;branch=z9hG4bKnashds8;rport')).toEqual({
      version: 'SIP/2.0',
      transport: 'UDP',
      host: 'pc33.example.com',
      port: 5066,
      params: [
        { name: 'branch', value: 'z9hG4bKnashds8' },
        { name: 'rport', value: null },
      ],
    });
  });

  it('R014 white space is allowed wherever the grammar has it', () => {
    expect(
      via('SIP  / 2.0\t/ TCP     spindle.example.com  : 5060  ;  branch  =   z9hG4bK9ikj8'),
    ).toMatchObject({
      version: 'SIP/2.0',
      transport: 'TCP',
      host: 'spindle.example.com',
      port: 5060,
      params: [{ name: 'branch', value: 'z9hG4bK9ikj8' }],
    });
  });

  it('R002 R019 version and transport have no case, the branch has', () => {
    const lower = via('sip/2.0/udp h;branch=z9hG4bKaBc');
    expect(lower).toMatchObject({ version: 'sip/2.0', transport: 'UDP' });
    expect(branchOf(lower)).toBe('z9hG4bKaBc');
  });

  it.each(['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP', 'WSS'])('R020 reads the transport %s', (transport) => {
    expect(via(`SIP/2.0/${transport} h`).transport).toBe(transport);
  });

  it.each([
    ['SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111', '[2001:db8::9:1]', null],
    ['SIP/2.0/UDP [2001:db8::9:1]:5061', '[2001:db8::9:1]', 5061],
    ['SIP/2.0/TCP [::ffff:192.0.2.1]:5060', '[::ffff:192.0.2.1]', 5060],
  ])('R216 R217 %s', (text, host, port) => {
    expect(via(text)).toMatchObject({ host, port });
    expect(formatVia(via(text))).toBe(text);
  });

  it('R216 three colons are understood and never sent on', () => {
    expect(formatVia(via('SIP/2.0/UDP [2001:db8:::1]'))).toBe('SIP/2.0/UDP [2001:db8::1]');
  });

  it.each([
    '',
    'SIP',
    'SIP/2.0',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP ;branch=x',
    'SIP/2.0/UDP h:0',
    'SIP/2.0/UDP h:99999',
    'SIP/2.0/UDP h:x',
    'SIP/2.0/UDP 2001:db8::1',
    'SIP/2.0/UDP [::1',
    'SIP/2.0/UDP a b',
    'SIP 2.0 UDP h',
    '/2.0/UDP h',
    'SIP//UDP h',
    'SIP/2.0/UDP h@i',
  ])('"%s" is malformed', (text) => {
    expect(codeOf(parseVia(text))).toBe('SIP_PARSE_VIA');
  });

  it.each(['SIP/2.0/UDP h;;', 'SIP/2.0/UDP h;branch="x', 'SIP/2.0/UDP h;=x'])(
    '"%s" has a malformed parameter',
    (text) => {
      expect(codeOf(parseVia(text))).toBe('SIP_PARSE_PARAM');
    },
  );

  it('formatVia gives back what parseVia took', () => {
    fc.assert(
      fc.property(anyVia, (value) => {
        expect(parseVia(formatVia(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('never throws', () => {
    const nearly = fc.string({
      unit: fc.constantFrom('SIP', '/', '2.0', 'UDP', ' ', 'h', ':', ';', '=', '"', '[', ']'),
      maxLength: 16,
    });
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
        const result = parseVia(text);
        if (result.ok) expect(parseVia(formatVia(result.value))).toEqual(result);
        else expect(result.error.code).toMatch(/^SIP_PARSE_(VIA|PARAM)$/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the Vias of a message', () => {
  it('R012 topVia is the first value of the first row, viaCount counts all', () => {
    const text = requestText(['Via: SIP/2.0/TCP b;branch=z9hG4bK2, SIP/2.0/TLS c;branch="z,z"']);
    expect(topVia(parsed(text))?.host).toBe('192.0.2.1');
    expect(viaCount(parsed(text))).toBe(3);
  });

  it('topVia is null when there is none or it is malformed', () => {
    const without = requestText().replace(/Via:.*\r\n/, '');
    expect(topVia(parsed(without))).toBeNull();
    expect(viaCount(parsed(without))).toBe(0);
    expect(topVia(parsed(requestText().replace('/UDP', '')))).toBeNull();
  });

  it('branchOf is null without a branch', () => {
    expect(branchOf(via('SIP/2.0/UDP h;branch'))).toBeNull();
    expect(branchOf(via('SIP/2.0/UDP h'))).toBeNull();
  });
});

describe('receivedAddress', () => {
  it.each([
    ['received=192.0.2.7;rport=40112', '192.0.2.7', 40_112],
    ['rport=40112;received=2001:db8::7', '2001:db8::7', 40_112],
    ['received=[2001:db8::7];rport=5060', '2001:db8::7', 5060],
    ['received="192.0.2.7"', '192.0.2.7', null],
    ['rport=5060', null, 5060],
    ['rport', null, null],
  ])('R218 R253 R254 %s', (params, address, port) => {
    expect(receivedAddress(via(`SIP/2.0/UDP h;${params}`))).toEqual({ address, port });
  });

  it.each([
    'received=example.com',
    'received=192.0.2.256',
    'received=[192.0.2.1',
    'received=999',
    'received=',
    'received=fe80::1%eth0',
    'rport=0',
    'rport=65536',
    'rport=-1',
    'rport=x',
    'rport=',
    'rport=5060.5',
  ])('R253 %s is no address and no port', (params) => {
    expect(receivedAddress(via(`SIP/2.0/UDP h;${params}`))).toEqual({ address: null, port: null });
  });
});
