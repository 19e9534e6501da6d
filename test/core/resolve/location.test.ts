// Locating servers (RFC 3263 §4, RFC 2782, RFC 7984): what is asked, together or one after the other, and what is made
// of each kind of answer.

import { describe, expect, it } from 'vitest';
import { isTemporary } from '../../../src/core/resolve/location-failure.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { hopTo, naptr, run, srv, targets, targetsOf, type Zone } from './zone.ts';

/** A provider with everything: NAPTR, three transports, two servers. */
const PROVIDER: Zone = {
  'NAPTR example.com': [
    naptr(100, 50, 'SIP+D2U', '_sip._udp.example.com'),
    naptr(50, 50, 'SIPS+D2T', '_sips._tcp.example.com'),
    naptr(90, 50, 'SIP+D2T', '_sip._tcp.example.com'),
  ],
  'SRV _sip._udp.example.com': [srv(20, 0, 5060, 'b.example.com'), srv(10, 0, 5060, 'a.example.com')],
  'SRV _sip._tcp.example.com': [srv(10, 0, 5060, 'a.example.com')],
  'SRV _sips._tcp.example.com': [srv(10, 0, 5061, 'a.example.com')],
  'A a.example.com': ['192.0.2.1'],
  'A b.example.com': ['192.0.2.2'],
  'A example.com': ['192.0.2.80'],
};

function without(zone: Zone, ...types: readonly string[]): Zone {
  return Object.fromEntries(
    Object.entries(zone).filter(([key]) => !types.includes(key.split(' ', 1)[0] ?? '')),
  );
}

function failureOf(text: string, zone: Zone, families: readonly (4 | 6)[] = [6, 4]) {
  const { step } = run(hopTo(text), zone, { families });
  if (step.type !== 'failed') throw new Error('it was located');
  return step.failure;
}

describe('NAPTR', () => {
  it('R225 R226 decides the transport by order, and later ones stay for when the first cannot be reached', () => {
    expect(targets('sip:example.com', PROVIDER)).toEqual([
      'tls 192.0.2.1:5061',
      'tcp 192.0.2.1:5060',
      'udp 192.0.2.1:5060',
      'udp 192.0.2.2:5060',
    ]);
  });

  it('R226 decides by preference within one order', () => {
    const zone = {
      ...PROVIDER,
      'NAPTR example.com': [
        naptr(10, 30, 'SIPS+D2T', '_sips._tcp.example.com'),
        naptr(10, 20, 'sip+d2u', '_sip._udp.example.com.'),
      ],
    };
    expect(targets('sip:example.com', zone)).toEqual([
      'udp 192.0.2.1:5060',
      'udp 192.0.2.2:5060',
      'tls 192.0.2.1:5061',
    ]);
  });

  it('R224 leaves a sips URI only what is over TLS', () => {
    expect(targets('sips:example.com', PROVIDER)).toEqual(['tls 192.0.2.1:5061']);
  });

  it('R224 for sips that offers only plain services goes on to _sips._tcp', () => {
    const zone = { ...PROVIDER, 'NAPTR example.com': [naptr(1, 1, 'SIP+D2U', '_sip._udp.example.com')] };
    const { asked } = run(hopTo('sips:example.com'), zone);
    expect(asked[1]).toEqual(['SRV _sips._tcp.example.com']);
    expect(targets('sips:example.com', zone)).toEqual(['tls 192.0.2.1:5061']);
  });

  it.each([
    ['another flag', { ...naptr(1, 1, 'SIP+D2T', '_x._tcp.example.com'), flags: 'u' }],
    ['an expression', { ...naptr(1, 1, 'SIP+D2T', '_x._tcp.example.com'), regexp: '!.*!sip:x!' }],
    ['no replacement', naptr(1, 1, 'SIP+D2T', '.')],
    ['a replacement that is no name', naptr(1, 1, 'SIP+D2T', 'a\u001b[31m.example.com')],
    ['another service', naptr(1, 1, 'E2U+sip', '_x._tcp.example.com')],
  ])('R226 with %s is as none: SRV is asked for every transport', (_, record) => {
    const { asked } = run(hopTo('sip:example.com'), { ...PROVIDER, 'NAPTR example.com': [record] });
    expect(asked[1]).toHaveLength(3);
  });

  it('R227 whose SRV lookup fails gives way to the next', () => {
    const failing = {
      ...PROVIDER,
      'SRV _sips._tcp.example.com': 'servfail',
      'SRV _sip._tcp.example.com': 'nodata',
    };
    expect(targets('sip:example.com', failing as Zone)).toEqual(['udp 192.0.2.1:5060', 'udp 192.0.2.2:5060']);
  });

  it('R229 that leads to no SRV record leaves its transport, at the default port of the host', () => {
    expect(targets('sip:example.com', without(PROVIDER, 'SRV'))).toEqual(['tls 192.0.2.80:5061']);
  });

  it('R244 that nobody answers does not hold SRV up, while an error of the server does neither', () => {
    for (const silence of ['timeout', 'servfail'] as const) {
      expect(targets('sip:example.com', { ...PROVIDER, 'NAPTR example.com': silence })).toHaveLength(4);
    }
  });
});

describe('SRV', () => {
  const zone = without(PROVIDER, 'NAPTR');

  it('R208 R228 without NAPTR is asked for every transport at once; TLS comes first, then UDP', () => {
    const result = run(hopTo('sip:example.com'), zone);
    expect(result.asked.slice(0, 2)).toEqual([
      ['NAPTR example.com'],
      ['SRV _sips._tcp.example.com', 'SRV _sip._udp.example.com', 'SRV _sip._tcp.example.com'],
    ]);
    expect(targetsOf(result)).toEqual([
      'tls 192.0.2.1:5061',
      'udp 192.0.2.1:5060',
      'udp 192.0.2.2:5060',
      'tcp 192.0.2.1:5060',
    ]);
  });

  it('R231 is asked for the transport that is named, and for no other', () => {
    const result = run(hopTo('sip:example.com;transport=tcp'), PROVIDER);
    expect(result.asked[0]).toEqual(['SRV _sip._tcp.example.com']);
    expect(targetsOf(result)).toEqual(['tcp 192.0.2.1:5060']);
  });

  it('R230 and NAPTR are not asked when there is a port', () => {
    const result = run(hopTo('sip:example.com:5060'), PROVIDER);
    expect(result.asked).toEqual([['AAAA example.com', 'A example.com']]);
    expect(targetsOf(result)).toEqual(['udp 192.0.2.80:5060']);
  });

  it('R243 asks for the addresses of all servers together', () => {
    const { asked } = run(hopTo('sip:example.com', 'udp'), zone);
    expect(new Set(asked[1])).toEqual(
      new Set(['AAAA a.example.com', 'A a.example.com', 'AAAA b.example.com', 'A b.example.com']),
    );
  });

  it('R242 with "." means not offered: the addresses of the name are not tried', () => {
    const refusing = { ...zone, 'SRV _sip._udp.example.com': [srv(0, 0, 0, '')] };
    const { step, asked } = run(hopTo('sip:example.com', 'udp'), refusing);
    expect(step).toMatchObject({ failure: { code: 'dns.not-offered', stage: 'dns' } });
    expect(asked.flat()).not.toContain('A example.com');
    expect(step.type === 'failed' && step.failure.cause).toContain('_sip._udp.example.com');
  });

  it('R242 with "." for one transport leaves the others', () => {
    const refusing = { ...zone, 'SRV _sips._tcp.example.com': [srv(0, 0, 0, '.')] };
    expect(targets('sip:example.com', refusing)).toEqual([
      'udp 192.0.2.1:5060',
      'udp 192.0.2.2:5060',
      'tcp 192.0.2.1:5060',
    ]);
    const bare = without(refusing, 'SRV');
    const noTls = { ...bare, 'SRV _sips._tcp.example.com': [srv(0, 0, 0, '.')] };
    expect(targets('sip:example.com', noTls)).toEqual(['udp 192.0.2.80:5060']);
    expect(targets('sips:example.com', noTls)).toBe('dns.not-offered');
  });

  it('R229 R231 that is not there leaves the address of the host and the default port', () => {
    const bare = { 'A example.com': ['192.0.2.80'] };
    expect(targets('sip:example.com', bare)).toEqual(['udp 192.0.2.80:5060']);
    expect(targets('sips:example.com', bare)).toEqual(['tls 192.0.2.80:5061']);
    expect(targets('sip:example.com;transport=tcp', bare)).toEqual(['tcp 192.0.2.80:5060']);
    expect(targets('sip:example.com;transport=ws', bare)).toEqual(['ws 192.0.2.80:80']);
    expect(targets('sips:example.com;transport=ws', bare)).toEqual(['wss 192.0.2.80:443']);
  });

  it('R241 is followed in the order of the priorities, and by weight within one', () => {
    const weighted = {
      'SRV _sip._udp.example.com': [
        srv(20, 0, 5060, 'd.example.com'),
        srv(10, 60, 5060, 'a.example.com'),
        srv(10, 40, 5060, 'b.example.com'),
      ],
      ...Object.fromEntries(
        ['a', 'b', 'd'].map((name, index) => [`A ${name}.example.com`, [`192.0.2.${index}`]]),
      ),
    };
    const firsts = Array.from({ length: 1000 }, (_, seed) => {
      const located = targets('sip:example.com;transport=udp', weighted, { rng: seededRng(seed) });
      expect(located[2]).toBe('udp 192.0.2.2:5060');
      return located[0];
    });
    const share = firsts.filter((first) => first === 'udp 192.0.2.0:5060').length / 1000;
    expect(share).toBeGreaterThan(0.5);
    expect(share).toBeLessThan(0.7);
  });

  it('R238 keeps the name of the server apart from the domain', () => {
    const { step } = run(hopTo('sips:example.com'), PROVIDER);
    expect(step).toMatchObject({ targets: [{ target: { host: 'a.example.com' } }] });
    expect(hopTo('sips:example.com').domain).toBe('example.com');
  });

  it('says which records led to a target', () => {
    const { step } = run(hopTo('sip:example.com'), PROVIDER);
    expect(step.type === 'located' && step.targets[0]?.decision).toEqual({
      naptr: naptr(50, 50, 'SIPS+D2T', '_sips._tcp.example.com'),
      srv: { ...srv(10, 0, 5061, 'a.example.com'), name: '_sips._tcp.example.com' },
      address: 'A',
    });
  });

  it('hands on the path of a WebSocket', () => {
    const hop = { ...hopTo('sip:192.0.2.1;transport=ws'), resource: '/sip' };
    expect(run(hop, {}).step).toMatchObject({ targets: [{ target: { resource: '/sip', port: 80 } }] });
  });

  it('R243 with hundreds of records is cut: a bounded number of questions and targets', () => {
    const many = Array.from({ length: 500 }, (_, index) => srv(1, 1, 5060, `s${index}.example.com`));
    const flood = Object.fromEntries(
      many.map(({ target }, index) => [
        `A ${target}`,
        Array.from({ length: 100 }, (_, host) => `10.${index >> 8}.${index & 255}.${host}`),
      ]),
    );
    const { step, asked } = run(hopTo('sip:example.com', 'udp'), {
      'SRV _sip._udp.example.com': many,
      ...flood,
    });
    expect(asked.flat().length).toBeLessThanOrEqual(100);
    expect(step.type === 'located' && step.targets.length).toBe(64);
  });
});

describe('addresses', () => {
  const dual = {
    'SRV _sip._udp.example.com': [srv(10, 0, 5060, 'a.example.com'), srv(20, 0, 5060, 'b.example.com')],
    'A a.example.com': ['192.0.2.45', '203.0.113.109'],
    'AAAA a.example.com': ['2001:db8::1', '2001:db8::2'],
    'A b.example.com': ['192.0.2.75'],
    'AAAA b.example.com': ['2001:db8::3'],
  };

  it('R245 R247 of both families are used, ordered within each server and never across servers', () => {
    expect(targets('sip:example.com;transport=udp', dual)).toEqual([
      'udp 2001:db8::1:5060',
      'udp 2001:db8::2:5060',
      'udp 192.0.2.45:5060',
      'udp 203.0.113.109:5060',
      'udp 2001:db8::3:5060',
      'udp 192.0.2.75:5060',
    ]);
    expect(targets('sip:a.example.com:5060', dual, { families: [4, 6] })[0]).toBe('udp 192.0.2.45:5060');
  });

  it('R246 of a family that the host does not have are ignored, but not loopback', () => {
    expect(targets('sip:a.example.com:5060', dual, { families: [4] })).toEqual([
      'udp 192.0.2.45:5060',
      'udp 203.0.113.109:5060',
    ]);
    expect(targets('sip:me.example.com:5060', { 'AAAA me.example.com': ['::1'] }, { families: [4] })).toEqual(
      ['udp ::1:5060'],
    );
    expect(failureOf('sip:b.example.com:5060', { 'AAAA b.example.com': ['2001:db8::3'] }, [4])).toMatchObject(
      {
        code: 'dns.no-address',
        cause: expect.stringContaining('IPv6'),
      },
    );
  });

  it('are not there twice: the first record that led to one counts', () => {
    const twice = { 'A twice.example.com': ['192.0.2.1', '192.0.2.1'] };
    expect(targets('sip:twice.example.com:5060', twice)).toEqual(['udp 192.0.2.1:5060']);
    const { step } = run(hopTo('sip:example.com;transport=udp'), {
      ...twice,
      'SRV _sip._udp.example.com': [
        srv(2, 0, 5060, 'twice.example.com'),
        srv(1, 0, 5060, 'twice.example.com'),
      ],
    });
    expect(step).toMatchObject({ targets: [{ decision: { srv: { priority: 1 } } }] });
    expect(step.type === 'located' && step.targets.length).toBe(1);
  });

  it('R244 of one family are enough when nobody answers for the other', () => {
    const half: Zone = { 'A half.example.com': ['192.0.2.1'], 'AAAA half.example.com': 'timeout' };
    expect(targets('sip:half.example.com:5060', half)).toEqual(['udp 192.0.2.1:5060']);
  });
});

describe('no target', () => {
  it.each([
    ['the name does not exist', {}, 'dns.no-such-name', false],
    ['the name has no address', { 'MX example.com': [] }, 'dns.no-address', false],
    [
      'nobody answers for the address',
      { 'A example.com': 'timeout', 'AAAA example.com': 'nodata' },
      'dns.timeout',
      true,
    ],
    ['the server fails', { 'A example.com': 'servfail', 'AAAA example.com': 'nodata' }, 'dns.failed', true],
    [
      'nobody answers for SRV',
      { ...PROVIDER, ...silentSrv('timeout'), 'NAPTR example.com': 'nodata' },
      'dns.timeout',
      true,
    ],
    [
      'the server fails for SRV',
      { ...PROVIDER, ...silentSrv('servfail'), 'NAPTR example.com': 'nodata' },
      'dns.failed',
      true,
    ],
    [
      'the SRV target does not exist',
      { 'SRV _sip._udp.example.com': [srv(1, 1, 5060, 'gone.example.com')] },
      'dns.no-such-name',
      false,
    ],
    [
      'the SRV target has no address',
      { 'SRV _sip._udp.example.com': [srv(1, 1, 5060, 'x.example.com')], 'MX x.example.com': [] },
      'dns.no-address',
      false,
    ],
  ] as const)('R244 because %s: %s', (_, zone, code, temporary) => {
    const failure = failureOf('sip:example.com', zone as Zone);
    expect(failure).toMatchObject({ stage: 'dns', code });
    expect(isTemporary(failure)).toBe(temporary);
    expect(failure.cause).toContain('192.0.2.53');
    expect(failure.cause).toMatch(/"[\w.]*example\.com"/);
    expect(failure.advice).not.toBe('');
  });

  it('R244 names the question that nobody answered', () => {
    expect(
      failureOf('sip:example.com', { 'A example.com': 'timeout', 'AAAA example.com': 'nodata' }).cause,
    ).toBe('192.0.2.53 did not answer for the A records of "example.com" (ETIMEOUT)');
    expect(failureOf('sip:example.com', {}).cause).toBe(
      '192.0.2.53 says that there is no name "example.com"',
    );
  });

  it('R244 is temporary when one of several servers may come back', () => {
    const zone = {
      'SRV _sip._udp.example.com': [srv(1, 1, 5060, 'gone.example.com'), srv(2, 1, 5060, 'mute.example.com')],
      'A mute.example.com': 'timeout',
    } as const;
    expect(failureOf('sip:example.com;transport=udp', zone).code).toBe('dns.timeout');
  });
});

function silentSrv(how: 'timeout' | 'servfail'): Zone {
  return Object.fromEntries(
    ['_sips._tcp', '_sip._udp', '_sip._tcp'].map((prefix) => [`SRV ${prefix}.example.com`, how]),
  );
}
