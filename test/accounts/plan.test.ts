import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkText } from '../../src/accounts/load.ts';
import {
  dnsServersOf,
  incomingSettingsOf,
  keepaliveSettingsOf,
  loginOf,
  planOf,
  secretSourcesOf,
  tlsSettingsOf,
} from '../../src/accounts/plan.ts';
import { contactUser } from '../../src/core/registration/contact.ts';
import type { Plan } from '../../src/core/registration/plan.ts';
import { formatUri } from '../../src/core/sip/uri.ts';
import { AOR, entryOf, officeFile } from './scratch.ts';

async function plan(keys: object): Promise<Plan> {
  return planOf('office', await entryOf(keys), 'sipreg/1.2.3');
}

describe('the plan of an account', () => {
  it('has the defaults of the interface', async () => {
    const { aor, profile, ...rest } = await plan({});
    const { registrar, ...settings } = profile;
    expect([aor, formatUri(registrar)]).toEqual([AOR, 'sip:pbx.example.com']);
    expect(rest).toEqual({
      account: 'office',
      contact: { uri: null, user: null, uriParams: [], params: [] },
      initialAuthorization: null,
    });
    expect(settings).toEqual({
      from: null,
      proxies: [],
      transport: 'auto',
      expires: 3600,
      local: null,
      nat: 'auto',
      outbound: 'auto',
      offersKeep: true,
      instanceId: null,
      headers: [],
      userAgent: 'sipreg/1.2.3',
      retry: { baseSeconds: 30, maxSeconds: null, credentialAttempts: 3, blockedProbeSeconds: 21_600 },
    });
  });

  it.each([
    ['sip:1008@pbx.example.com', 'sip:pbx.example.com'],
    ['sips:1008@pbx.example.com', 'sips:pbx.example.com'],
    ['sip:1008@[2001:db8::1]:5070;user=phone', 'sip:[2001:db8::1]:5070'],
    ['sip:pbx.example.com', 'sip:pbx.example.com'],
  ])('R105 R134 the registrar of %s is %s, without a user', async (aor, registrar) => {
    expect(formatUri((await plan({ aor })).profile.registrar)).toBe(registrar);
  });

  it('keeps a registrar as it is configured, with its parameters', async () => {
    const { registrar } = (await plan({ registrar: 'sip:edge.example.com:5070;transport=tcp' })).profile;
    expect(formatUri(registrar)).toBe('sip:edge.example.com:5070;transport=tcp');
  });

  it('R037 gives each proxy lr, once', async () => {
    const outboundProxy = ['sip:a', 'sip:b;lr', 'sip:c;LR;x=y', 'sip:d;transport=tcp'];
    const { proxies } = (await plan({ outboundProxy })).profile;
    expect(proxies.map(formatUri)).toEqual([
      'sip:a;lr',
      'sip:b;lr',
      'sip:c;LR;x=y',
      'sip:d;transport=tcp;lr',
    ]);
    expect((await plan({ outboundProxy: 'sip:a' })).profile.proxies.map(formatUri)).toEqual(['sip:a;lr']);
  });

  it.each([
    ['ws://edge.example.com', 'sip:edge.example.com:80;transport=ws;lr', false, '/'],
    ['wss://edge.example.com/', 'sip:edge.example.com:443;transport=ws;lr', true, '/'],
    ['wss://[2001:db8::1]:8443/ws?a=b', 'sip:[2001:db8::1]:8443;transport=ws;lr', true, '/ws?a=b'],
    ['WS://192.0.2.1:80/A b', 'sip:192.0.2.1:80;transport=ws;lr', false, '/A%20b'],
  ])('R425 R431 the proxy %s is the Route %s', async (outboundProxy, route, secure, resource) => {
    const { proxies } = (await plan({ outboundProxy: ['sip:a', outboundProxy] })).profile;
    expect(proxies.map(formatUri)).toEqual(['sip:a;lr', route]);
    expect(proxies.map(({ webSocket }) => webSocket)).toEqual([undefined, { secure, resource }]);
  });

  it('registers a whole contact as it stands', async () => {
    const { contact } = await plan({ contact: 'sip:1008@192.0.2.20:5080;x=1' });
    expect(contact.uri && formatUri(contact.uri)).toBe('sip:1008@192.0.2.20:5080;x=1');
  });

  it.each([
    [{}, '1008'],
    [{ aor: 'sip:a%40b@example.com' }, 'a%40b'],
    [{ contactUser: 'a b@c' }, 'a%20b%40c'],
    [{ aor: 'sip:example.com' }, 'office'],
  ])('makes the contact user of %j: %s', async (keys, user) => {
    expect(contactUser(await plan(keys))).toBe(user);
  });

  it('writes parameters inside the contact URI', async () => {
    const { contact } = await plan({ contactUriParams: { ob: true, line: 'a%20b', n: 3 } });
    expect(contact.uriParams).toEqual([
      { name: 'ob', value: null },
      { name: 'line', value: 'a%20b' },
      { name: 'n', value: '3' },
    ]);
  });

  it.each([
    ['a bare flag', '+g.3gpp.smsip', true, null],
    ['a media feature tag with "+", always quoted', '+g.3gpp.icsi-ref', 'token', '"token"'],
    ['a base tag, always quoted', 'language', 'en', '"en"'],
    ['a base tag in another case', 'Methods', 'INVITE', '"INVITE"'],
    ['a base tag with a list', 'language', 'en,fr', '"en,fr"'],
    ['a numeric feature', '+n', 5, '"5"'],
    ['a token', 'line', 'abc-1', 'abc-1'],
    ['no token', 'line', 'a b', '"a b"'],
    ['quotes and backslashes', 'line', 'a"b\\c', '"a\\"b\\\\c"'],
    ['an empty text', 'line', '', '""'],
    ['a number', 'n', 7, '7'],
    ['q', 'q', 0.8, '0.8'],
    ['q with too many decimals', 'q', 0.123_456, '0.123'],
    ['q of one', 'q', 1, '1'],
    ['q near nothing', 'q', 1e-9, '0'],
  ])('writes a contact parameter that is %s', async (_what, name, value, wire) => {
    expect((await plan({ contactParams: { [name]: value } })).contact.params).toEqual([
      { name, value: wire },
    ]);
  });

  it.each([
    ['0.0.0.0:0', { address: '0.0.0.0', port: 0 }],
    ['[::]:0', { address: '::', port: 0 }],
    ['[2001:db8::1]:5060', { address: '2001:db8::1', port: 5060 }],
  ])('sends from %s', async (local, address) => {
    expect((await plan({ local })).profile.local).toEqual(address);
  });

  it.each([
    [{}, { username: '1008', realm: 'pbx.example.com' }],
    [
      { realm: 'r', username: 'u' },
      { username: 'u', realm: 'r' },
    ],
    [{ aor: 'sip:a%40b@ims.example' }, { username: 'a@b', realm: 'ims.example' }],
  ])('an initial Authorization of %j is %j', async (keys, expected) => {
    expect((await plan({ ...keys, initialAuthorization: true })).initialAuthorization).toEqual(expected);
    expect((await plan({ ...keys, initialAuthorization: false })).initialAuthorization).toBeNull();
  });

  it('takes over the rest', async () => {
    const keys = {
      from: 'sip:agent@example.com',
      transport: 'tls',
      expires: 60,
      nat: 'off',
      outbound: 'on',
      instanceId: 'urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11',
      headers: { Privacy: 'none', Supported: 'path' },
      userAgent: '',
      retry: { base: 5, max: 50, credentialAttempts: 2, blockedProbe: 0 },
    };
    const made = (await plan(keys)).profile;
    expect(made.from === null ? null : formatUri(made.from)).toBe(keys.from);
    expect(made).toMatchObject({
      transport: 'tls',
      expires: 60,
      nat: 'off',
      outbound: 'on',
      instanceId: 'urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11',
    });
    expect(made.headers).toEqual([
      { name: 'Privacy', value: 'none' },
      { name: 'Supported', value: 'path' },
    ]);
    expect(made.userAgent).toBeNull();
    expect(made.retry).toEqual({
      baseSeconds: 5,
      maxSeconds: 50,
      credentialAttempts: 2,
      blockedProbeSeconds: 0,
    });
  });
});

describe('what does not belong into the plan', () => {
  it('TLS settings, with paths from the directory of the accounts file', async () => {
    expect(tlsSettingsOf(await entryOf({}), '/etc/sipreg')).toEqual({
      ca: null,
      cert: null,
      key: null,
      keyPassphrase: null,
      serverName: null,
      verify: 'rfc5922',
      pins: [],
      allowWildcard: false,
      minVersion: 'TLSv1.2',
      allowInsecureKey: false,
    });
    const tls = {
      ca: 'ca.pem',
      cert: '/x/c.pem',
      key: '../k.pem',
      keyPassphrase: { file: 'p' },
      verify: 'pin',
      pins: ['AB:'.repeat(31).concat('CD')],
    };
    expect(tlsSettingsOf(await entryOf({ tls }), '/etc/sipreg')).toMatchObject({
      ca: '/etc/sipreg/ca.pem',
      cert: '/x/c.pem',
      key: '/etc/k.pem',
      keyPassphrase: { type: 'file', path: '/etc/sipreg/p' },
      verify: 'pin',
      pins: tls.pins,
    });
  });

  it('the authorities of the operating system, by name', async () => {
    expect(tlsSettingsOf(await entryOf({ tls: { ca: 'system' } }), '/etc').ca).toBe('system');
    expect(tlsSettingsOf(await entryOf({ tls: { ca: './system' } }), '/etc').ca).toBe('/etc/system');
  });

  it('DNS servers, on port 53 unless they say otherwise', async () => {
    const servers = ['127.0.0.1:5353', '192.0.2.53', '[2001:db8::53]:54', '2001:db8::53'];
    expect(dnsServersOf(await entryOf({ dns: { servers } }))).toEqual([
      { address: '127.0.0.1', port: 5353 },
      { address: '192.0.2.53', port: 53 },
      { address: '2001:db8::53', port: 54 },
      { address: '2001:db8::53', port: 53 },
    ]);
    expect(dnsServersOf(await entryOf({ dns: {} }))).toBeNull();
    expect(dnsServersOf(await entryOf({}))).toBeNull();
  });

  it('keep-alive and answers', async () => {
    expect(keepaliveSettingsOf(await entryOf({}))).toEqual({ method: 'auto', intervalSeconds: null });
    expect(keepaliveSettingsOf(await entryOf({ keepalive: { method: 'stun', interval: 20 } }))).toEqual({
      method: 'stun',
      intervalSeconds: 20,
    });
    expect(incomingSettingsOf(await entryOf({}))).toEqual({ answers: new Map(), acceptFrom: 'registrar' });
    const answer = { INVITE: { status: 302, contact: 'sip:a@b' }, MESSAGE: 405 };
    expect(incomingSettingsOf(await entryOf({ answer, acceptFrom: 'peer' }))).toEqual({
      answers: new Map([
        ['INVITE', { status: 302, contact: 'sip:a@b' }],
        ['MESSAGE', { status: 405, contact: null }],
      ]),
      acceptFrom: 'peer',
    });
  });

  it('the digest user name is the unescaped user of the AOR', async () => {
    expect(loginOf(await entryOf({ aor: 'sip:a%40b@c' }))).toBe('a@b');
    expect(loginOf(await entryOf({ aor: 'sip:c' }))).toBeNull();
    expect(loginOf(await entryOf({ username: 'x' }))).toBe('x');
  });
});

describe('injection', () => {
  /** Text with what could end a line, raw and escaped, in and around things that are right. */
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '\r\n',
          '\n',
          '\r',
          '\0',
          '%0d%0a',
          '%00',
          '%',
          'Via: x',
          '"',
          '\\',
          ';',
          '=',
          '@',
          'a',
          '1',
          '\u2028',
          '\u0085',
          '\ud800',
        ),
        fc.string({ maxLength: 3 }),
      ),
      { maxLength: 4 },
    )
    .map((parts) => parts.join(''));
  const uri = fc.oneof(
    fc.constantFrom(AOR, 'sip:b.example'),
    fc
      .tuple(fc.constantFrom('sip:', 'sips:', ''), hostile, fc.constantFrom('@', ';x='), hostile)
      .map((parts) => parts.join('')),
    hostile,
  );
  const entry = fc.record(
    {
      aor: fc.oneof(
        { weight: 3, arbitrary: hostile.map((user) => `sip:${user}@a.example`) },
        { weight: 1, arbitrary: uri },
      ),
      from: uri,
      registrar: uri,
      outboundProxy: fc.array(uri, { maxLength: 2 }),
      username: hostile,
      realm: hostile,
      contact: uri,
      contactUser: hostile,
      contactParams: fc.dictionary(hostile, fc.oneof(hostile, fc.constant(true)), { maxKeys: 2 }),
      contactUriParams: fc.dictionary(hostile, hostile, { maxKeys: 2 }),
      headers: fc.dictionary(fc.oneof(fc.constantFrom('Privacy', 'Subject'), hostile), hostile, {
        maxKeys: 2,
      }),
      userAgent: hostile,
      instanceId: hostile.map((text) => `urn:gsma:imei:${text}`),
      initialAuthorization: fc.boolean(),
    },
    { requiredKeys: ['aor'] },
  );

  it('no text of an accounts file gives a plan that holds CR, LF or NUL', async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(entry, async (keys) => {
        // Each key alone too, so that a wrong neighbour does not hide it.
        const candidates = Object.entries(keys).map(([key, value]) => ({ [key]: value }));
        for (const candidate of [keys, ...candidates]) {
          const checked = await checkText('a.json', officeFile({ ...candidate, initialAuthorization: true }));
          if (!checked.ok) continue;
          accepted += 1;
          const [account] = [...checked.value.accounts].map(([, one]) => one);
          if (account === undefined) throw new Error('the account is not there');
          expect(
            stringsOf(planOf('office', account, 'sipreg/1')).filter((text) => /[\r\n\0]/.test(text)),
          ).toEqual([]);
          expect(
            secretSourcesOf(account, '/').filter(({ username, realm }) =>
              /[\r\n\0]/.test(`${username}${realm}`),
            ),
          ).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  function stringsOf(value: unknown): string[] {
    if (typeof value === 'string') return [value];
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, child]) => [key, ...stringsOf(child)]);
  }
});
