import { describe, expect, it } from 'vitest';
import { AOR, officeFile, problemsOf } from './scratch.ts';

const MD5 = 'a'.repeat(32);
const SHA256 = 'B'.repeat(64);
const URN = 'urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11';

/** Values that each key takes. */
const RIGHT: readonly (readonly [string, readonly unknown[]])[] = [
  [
    'aor',
    [
      'sip:1008@pbx.example.com',
      'sips:1008@pbx.example.com',
      'sip:example.com',
      'sip:a%40b@[2001:db8::1]:5070',
    ],
  ],
  ['from', ['sip:agent@example.com']],
  [
    'registrar',
    ['sip:pbx.example.com', 'sip:192.0.2.1:5070;transport=TCP', 'sips:[2001:db8::1];transport=tcp'],
  ],
  ['outboundProxy', ['sip:edge.example.com', ['sip:a.example.com;lr', 'sips:b.example.com']]],
  ['outboundProxy', ['wss://edge.example.com', ['ws://[2001:db8::1]:8088/ws?tenant=1', 'sip:b.example.com']]],
  ['username', ['1008', 'alice@example.com', 'Zoë']],
  ['realm', ['pbx.example.com', 'a realm with spaces']],
  [
    'password',
    [
      '',
      'pä"ss\\word',
      { file: 'secret' },
      { env: 'OFFICE_PASSWORD' },
      { command: ['pass', 'show'] },
      { credential: 'office' },
    ],
  ],
  [
    'ha1',
    [
      MD5,
      SHA256,
      { file: 'ha1' },
      { env: 'HA1' },
      { MD5, 'SHA-256': SHA256, 'SHA-512-256': { credential: 'x' } },
    ],
  ],
  [
    'credentials',
    [
      [],
      [{ username: 'a', password: '' }],
      [
        { realm: 'r', username: 'a', ha1: MD5 },
        { realm: 's', username: 'b', password: { env: 'B' } },
      ],
    ],
  ],
  ['transport', ['auto', 'udp', 'tcp', 'tls', 'ws', 'wss']],
  ['expires', [1, 60, 3600, 4_294_967_295]],
  ['contact', ['sip:1008@192.0.2.20:5060']],
  ['contactUser', ['1008', 'with space', '+49301234567']],
  ['contactUriParams', [{}, { line: 'a%20b', ob: true, user: 'phone', n: 3 }]],
  [
    'contactParams',
    [{ '+g.3gpp.smsip': true, language: 'en,fr', q: 0.8 }, { q: 0 }, { q: 1 }, { methods: 'INVITE' }],
  ],
  ['local', ['0.0.0.0:0', '[::]:0', '192.0.2.50:5060']],
  ['nat', ['auto', 'off']],
  ['outbound', ['auto', 'on', 'off']],
  ['instanceId', [URN, 'urn:gsma:imei:90420156-025763-0']],
  ['keepalive', [{}, { method: 'stun', interval: 25 }, { method: 'off' }, { interval: 1.5 }]],
  [
    'tls',
    [
      {},
      { ca: 'a', cert: 'b', key: 'c', keyPassphrase: { env: 'P' }, serverName: 'h.example.com' },
      { verify: 'pin', pins: [`${'AB:'.repeat(31)}cd`, `sha256/${'A'.repeat(43)}=`] },
      { verify: 'none', allowWildcard: true, minVersion: 'TLSv1.3' },
    ],
  ],
  ['headers', [{}, { Privacy: 'none', Supported: 'path, gruu', 'X-Empty': '', Subject: 'Grüße' }]],
  ['initialAuthorization', [true, false]],
  ['userAgent', ['', 'phone/1.0']],
  ['retry', [{}, { base: 1, max: 60, credentialAttempts: 1, blockedProbe: 0 }]],
  [
    'answer',
    [
      { INVITE: 480 },
      { INVITE: { status: 302, contact: 'sip:a@b.example' } },
      { MESSAGE: 200, INFO: { status: 405 } },
    ],
  ],
  ['acceptFrom', ['peer', 'registrar', 'any']],
  ['dns', [{}, { servers: ['127.0.0.1:5353', '192.0.2.53', '[2001:db8::53]:53', '2001:db8::53'] }]],
  ['enabled', [true, false]],
];

/** Values that each key refuses, and what the refusal says. */
const WRONG: readonly (readonly [string, unknown, RegExp])[] = [
  ['aor', '1008@pbx.example.com', /office\.aor: is no sip: or sips: URI; write it like sip:/],
  ['aor', 'tel:+49301234567', /is no sip/],
  [
    'aor',
    'sip:1008:hunter2@pbx.example.com',
    /holds a password; take it out of the URI and set it as "password"/,
  ],
  ['aor', 'sip:1008@pbx.example.com?Subject=x', /header fields/],
  ['aor', 5, /must be a string/],
  ['from', 'agent', /is no sip/],
  ['registrar', 'pbx.example.com', /is no sip: or sips: URI; write it like sip:pbx\.example\.com/],
  ['registrar', 'sip:1008@pbx.example.com', /names a user/],
  ['registrar', 'sip:1008:hunter2@pbx.example.com', /holds a password/],
  ['outboundProxy', [], /must not be empty/],
  ['outboundProxy', ['sip:a.example.com', 'b'], /office\.outboundProxy\[1\]: is no sip/],
  ['outboundProxy', {}, /must be a URI or a list of URIs/],
  ['outboundProxy', 'wss:edge.example.com/ws', /is no ws: or wss: URI; write it like wss:/],
  ['outboundProxy', 'wss://alice@edge.example.com/', /is no ws: or wss: URI; .* without user/],
  ['outboundProxy', 'ws://edge.example.com/#x', /is no ws: or wss: URI/],
  ['outboundProxy', 'ws://edge.example.com:99999/', /is no ws: or wss: URI/],
  ['outboundProxy', 'ws:///path', /is no ws: or wss: URI/],
  ['outboundProxy', 'wss://edge.example.com/a\r\nb', /holds a line break/],
  [
    'outboundProxy',
    'sip:edge.example.com/ws',
    /has a path, which only ws: and wss: URIs have; write it like wss:/,
  ],
  ['outboundProxy', 'https://edge.example.com/ws', /is no sip: or sips: URI/],
  ['registrar', 'sip:h;transport=sctp', /names a transport that sipreg does not speak; use one of udp, tcp/],
  ['registrar', 'sip:h;transport', /names a transport that sipreg does not speak/],
  ['registrar', 'sips:h;transport=UDP', /is a sips: URI over UDP/],
  ['outboundProxy', ['sip:p', 'sip:h;transport=tls-sctp'], /outboundProxy\[1\]: names a transport/],
  ['registrar', 'wss://pbx.example.com/ws', /is the URI of a WebSocket; set it as "outboundProxy"/],
  ['username', '', /must not be empty/],
  ['realm', '', /must not be empty/],
  ['password', 12345, /must be a string or an object/],
  ['password', {}, /exactly one of file, env, command, credential/],
  ['password', { file: 'a', env: 'B' }, /exactly one of/],
  ['password', { fil: 'a' }, /office\.password\.fil: unknown key; did you mean "file"\?/],
  ['password', { command: [] }, /must name a program/],
  ['password', { command: 'pass show' }, /must be a list/],
  ['password', { env: 'A B' }, /is no name of an environment variable/],
  ['password', { credential: '../shadow' }, /is no credential ID/],
  ['password', { credential: '..' }, /is no credential ID/],
  ['password', { file: '' }, /must be a path/],
  ['password', ['a'], /must be an object/],
  ['ha1', 'abc', /is no HA1; it is 32/],
  ['ha1', { MD5: SHA256 }, /office\.ha1\.MD5: must be 32 hexadecimal digits/],
  ['ha1', { 'SHA-256': MD5 }, /must be 64 hexadecimal digits/],
  ['ha1', { MD5, file: 'x' }, /exactly one of/],
  ['ha1', {}, /exactly one of/],
  ['ha1', { md5: MD5 }, /ha1\.md5: unknown key; did you mean "MD5"\?/],
  ['credentials', {}, /must be a list/],
  ['credentials', [{ password: 'x' }], /credentials\[0\]\.username: is missing/],
  ['credentials', [{ username: 'a' }], /needs either password or ha1/],
  ['credentials', [{ username: 'a', password: 'b', ha1: MD5 }], /needs either password or ha1/],
  [
    'credentials',
    [
      { realm: 'r', username: 'a', password: '' },
      { realm: 'r', username: 'b', password: '' },
    ],
    /credentials\[1\]: is for a realm that already has/,
  ],
  ['transport', 'sctp', /must be one of "auto", "udp", "tcp", "tls", "ws", "wss"/],
  ['transport', 'TLS', /must be one of/],
  ['expires', 0, /must be at least 1/],
  ['expires', 4_294_967_296, /must be at most 4294967295/],
  ['expires', 1.5, /must be a whole number/],
  ['expires', '3600', /must be a number/],
  ['contact', '192.0.2.20', /is no sip/],
  ['contact', 'sip:a:hunter2@192.0.2.20', /holds a password/],
  ['contactUser', '', /must not be empty/],
  ['contactUriParams', { transport: 'tcp' }, /is set by sipreg itself; choose it with "transport"/],
  ['contactUriParams', { line: 'a;b' }, /characters that a URI parameter cannot hold/],
  ['contactUriParams', { line: '' }, /characters that a URI parameter cannot hold/],
  ['contactUriParams', { 'a=b': true }, /is no parameter name/],
  ['contactParams', { q: 1.1 }, /contactParams\.q: must be a number from 0 to 1/],
  ['contactParams', { Q: '0.5' }, /must be a number from 0 to 1/],
  ['contactParams', { q: true }, /must be a number from 0 to 1/],
  ['contactParams', { 'a b': true }, /is no parameter name/],
  ['contactParams', { Expires: 5 }, /is set by sipreg itself; set the account's "expires"/],
  ['contactParams', { '+sip.instance': 'x' }, /set "instanceId"/],
  ['contactParams', { 'reg-id': 1 }, /set "outbound"/],
  [
    'contactParams',
    { Audio: true, audio: true },
    /contactParams\.audio: stands here in another case already/,
  ],
  ['contactUriParams', { OB: true, ob: true }, /contactUriParams\.ob: stands here in another case already/],
  ['contactParams', { audio: false }, /must be true, a number or a string/],
  ['contactParams', [], /must be an object/],
  ['local', '0.0.0.0', /is no address with a port; write it like/],
  ['local', '::', /is no address with a port/],
  ['local', 'eth0:5060', /is no address with a port/],
  ['local', '192.0.2.1:70000', /is no address with a port/],
  ['nat', true, /must be one of "auto", "off"/],
  ['outbound', false, /must be one of/],
  ['instanceId', '5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11', /is no URN/],
  ['instanceId', `<${URN}>`, /is no URN.*without < and >/],
  ['instanceId', 'urn:gsma:imei:"', /is no URN/],
  ['instanceId', 'urn:uuid:1', /is no URN/],
  ['keepalive', { method: 'ping' }, /must be one of/],
  ['keepalive', { interval: 0 }, /must be at least 1/],
  ['keepalive', 'crlf', /must be an object/],
  ['keepalive', { intervall: 5 }, /did you mean "interval"/],
  ['tls', { verify: 'off' }, /tls\.verify: must be one of/],
  ['tls', { verify: 'pin' }, /is "pin", but there are no "pins"/],
  ['tls', { pins: ['abc'] }, /tls\.pins\[0\]: is no SHA-256 fingerprint/],
  ['tls', { cert: 'a' }, /tls\.cert: needs "key" beside it/],
  ['tls', { key: 'a' }, /tls\.key: needs "cert" beside it/],
  ['tls', { minVersion: '1.2' }, /must be one of "TLSv1"/],
  ['tls', { serverName: 'a b' }, /is no host name/],
  ['tls', { allowWildcard: 'yes' }, /must be true or false/],
  ['headers', { 'X Y': 'a' }, /is no header field name/],
  ['headers', { Privacy: 5 }, /must be a string/],
  ['headers', [], /must be an object/],
  ['initialAuthorization', 'yes', /must be true or false/],
  ['userAgent', null, /must be a string/],
  ['retry', { base: 0 }, /must be at least 1/],
  ['retry', { max: 10 }, /retry\.max: is less than "base"/],
  ['retry', { credentialAttempts: 0 }, /must be at least 1/],
  ['retry', { blockedProbe: -1 }, /must be at least 0/],
  ['answer', { INVITE: 200 }, /would accept calls/],
  ['answer', { OPTIONS: 408 }, /would never be sent: only calls may be answered with 408; use another/],
  ['answer', { MESSAGE: { status: 408 } }, /would never be sent/],
  ['answer', { INVITE: 302 }, /redirects without saying where; write {"status": 302/],
  ['answer', { INVITE: { status: 480, contact: 'sip:a@b' } }, /only a 3xx/],
  ['answer', { INVITE: 180 }, /must be a final status code/],
  ['answer', { INVITE: 700 }, /must be a final status code/],
  ['answer', { invite: 480 }, /methods are upper-case/],
  ['answer', { ACK: 480 }, /gets no answer/],
  ['answer', { INVITE: { contact: 'sip:a@b' } }, /status: is missing/],
  ['acceptFrom', 'all', /must be one of/],
  ['dns', { servers: ['dns.example.com'] }, /dns\.servers\[0\]: is no DNS server/],
  ['dns', { servers: '192.0.2.53' }, /must be a list/],
  ['dns', { servers: ['192.0.2.53:0'] }, /is no DNS server/],
  ['enabled', 'no', /must be true or false/],
];

/** Header fields that sipreg writes itself, in some spelling. */
const OWNED = [
  ...['Via', 'FROM', 'To', 'call-id', 'CSeq', 'Max-Forwards', 'Contact', 'Expires', 'Route', 'Record-Route'],
  ...['Content-Length', 'Content-Type', 'Authorization', 'Proxy-Authorization', 'User-Agent'],
  ...['v', 'f', 't', 'i', 'm', 'l', 'c'],
];

describe('each key of an account', () => {
  it.each(RIGHT)('%s takes what it should', async (key, values) => {
    for (const value of values) expect(await problemsOf(officeFile({ [key]: value }))).toEqual([]);
  });

  it.each(WRONG)('%s refuses %j', async (key, value, complaint) => {
    const problems = await problemsOf(officeFile({ [key]: value }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(complaint);
  });

  it.each(['aor', 'from', 'registrar', 'outboundProxy', 'contact'])(
    'R181 %s with a password in it is refused, and the password not repeated',
    async (key) => {
      const problems = await problemsOf(officeFile({ [key]: 'sip:u:hunter2@192.0.2.9' }));
      expect(problems).toEqual([expect.stringMatching(/holds a password/)]);
      expect(problems[0]).not.toContain('hunter2');
    },
  );

  it('R318 an instance id is a UUID, or a URN whose construction an RFC defines', async () => {
    expect(await problemsOf(officeFile({ instanceId: 'urn:isbn:9780141036144' }))).toHaveLength(1);
    expect(await problemsOf(officeFile({ instanceId: 'urn:device-id:meid:fffffff00f92f1' }))).toEqual([]);
    expect(
      await problemsOf(officeFile({ instanceId: URN.toUpperCase().replace('URN:UUID', 'urn:uuid') })),
    ).toEqual([]);
  });

  it('every key but aor may stand in the defaults', async () => {
    for (const [key, values] of RIGHT) {
      if (key === 'aor') continue;
      const text = JSON.stringify({ defaults: { [key]: values[0] }, accounts: { office: { aor: AOR } } });
      expect(await problemsOf(text)).toEqual([]);
    }
    expect(await problemsOf(JSON.stringify({ defaults: { aor: AOR }, accounts: {} }))).toEqual([
      'defaults.aor: unknown key; each account has its own, as in {"accounts": {"office": {"aor": "sip:…"}}}',
    ]);
  });

  it.each(OWNED)('the header field %s is an error with a hint', async (name) => {
    const [problem, ...others] = await problemsOf(officeFile({ headers: { [name]: 'x' } }));
    expect(others).toEqual([]);
    expect(problem).toMatch(/is set by sipreg itself; .+/);
  });

  it('the compact name of Supported is refused for the long one', async () => {
    expect(await problemsOf(officeFile({ headers: { k: 'path' } }))).toEqual([
      'accounts.office.headers.k: is set by sipreg itself; write the long name, Supported',
    ]);
  });
});
