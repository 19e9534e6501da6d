// SIP URIs: parse, format, escapes and IPv6 hosts.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PARAMS } from '../../../src/core/sip/limits.ts';
import {
  bareHost,
  escapeUser,
  formatUri,
  param,
  paramValue,
  parseUri,
  type SipUri,
  unescape as unescaped,
  uriParam,
  userOf,
} from '../../../src/core/sip/uri.ts';
import { uri as anyUri, token } from './arbitraries.ts';
import { codeOf, unwrapped } from './vectors.ts';

const uriOf = (text: string): SipUri => unwrapped(parseUri(text));

describe('parseUri', () => {
  it('takes a URI apart', () => {
    expect(uriOf('SIPS:alice:secret@Example.com:5061;transport=tcp;lr?Subject=x&Priority=')).toEqual({
      scheme: 'sips',
      user: 'alice',
      password: 'secret',
      host: 'Example.com',
      port: 5061,
      params: [
        { name: 'transport', value: 'tcp' },
        { name: 'lr', value: null },
      ],
      headers: [
        { name: 'Subject', value: 'x' },
        { name: 'Priority', value: '' },
      ],
    });
  });

  it('needs neither user nor port', () => {
    expect(uriOf('sip:example.com')).toMatchObject({
      user: null,
      password: null,
      host: 'example.com',
      port: null,
    });
  });

  it('R178 the user part may contain ; ? / and more as data', () => {
    expect(uriOf('sip:user;par=u%40example.net@example.com')).toMatchObject({
      user: 'user;par=u%40example.net',
      host: 'example.com',
      params: [],
    });
    expect(uriOf('sip:a?b/c;d&e=+$,f@h;lr')).toMatchObject({
      user: 'a?b/c;d&e=+$,f',
      host: 'h',
      headers: [],
    });
  });

  it.each(['sip:@example.com', 'sip::secret@example.com'])('R178 %s has an "@" and no user', (text) => {
    expect(codeOf(parseUri(text))).toBe('SIP_PARSE_URI');
  });

  it.each(['', ':', 'example.com', 'tel:+358-555', 'http://example.com', 'sip', 'sipx:a@b', ' sip:a@b'])(
    '"%s" is no SIP URI',
    (text) => {
      expect(codeOf(parseUri(text))).toBe('SIP_PARSE_URI_SCHEME');
    },
  );

  it.each([
    'sip:',
    'sip:a@',
    'sip:a b@c',
    'sip:a@b c',
    'sip:a@b;x y',
    'sip:a@b\r\nVia: c',
    'sip:a\n@b',
    'sip:a@b\0',
    'sip:a\x7f@b',
    'sip:a"b@c',
    'sip:<a@b>',
    'sip:ü@b',
    'sip:a@b;c@d',
    'sip:a@b@c',
    'sip:50%@b',
    'sip:%4@b',
    'sip:%zz@b',
    'sip:a@b:',
    'sip:a@b:0',
    'sip:a@b:65536',
    'sip:a@b:5060x',
    'sip:a@b:-1',
    'sip:a@b:99999999999999',
    'sip:a@b;;lr',
    'sip:a@b;=x',
    'sip:a@b?',
    'sip:a@b?=x',
    'sip:a@[::1',
    'sip:a@[1.2.3.4]',
    'sip:a@[::g]',
    'sip:a@[::1]x',
    'sip:a@::1',
    'sip:a@b/c',
    'sip:a@b,c',
  ])('%j is malformed', (text) => {
    expect(codeOf(parseUri(text))).toBe('SIP_PARSE_URI');
  });

  it('R180 an escape in the host is refused, not decoded', () => {
    expect(codeOf(parseUri('sip:a@ex%61mple.com'))).toBe('SIP_PARSE_URI');
  });

  it('R020 unknown parameters are kept and disturb nothing', () => {
    expect(uriOf('sip:a@b;foo;bar=baz').params).toHaveLength(2);
  });

  it('R022 takes long values, but not more than MAX_PARAMS parameters', () => {
    const long = 'x'.repeat(3000);
    expect(uriOf(`sip:${long}@h;${long}=${long}`).user).toBe(long);
    expect(uriOf(`sip:h${';p'.repeat(MAX_PARAMS)}`).params).toHaveLength(MAX_PARAMS);
    expect(codeOf(parseUri(`sip:h${';p'.repeat(MAX_PARAMS + 1)}`))).toBe('SIP_PARSE_URI');
    expect(codeOf(parseUri(`sip:h?a${'&p'.repeat(MAX_PARAMS)}`))).toBe('SIP_PARSE_URI');
  });
});

describe('IPv6 hosts (RFC 5118, RFC 5954)', () => {
  it.each([
    ['sip:[2001:db8::10]', '2001:db8::10', null],
    ['sip:a@[2001:db8::10]:5070', '2001:db8::10', 5070],
    ['sip:a@[::ffff:192.0.2.10]:5060;transport=udp', '::ffff:192.0.2.10', 5060],
    // RFC 5118 §4.3: within one bracket, ":5070" is a group of the address.
    ['sip:[2001:db8::10:5070]', '2001:db8::10:5070', null],
  ])('R216 R217 %s', (text, host, port) => {
    const parsed = uriOf(text);
    expect(bareHost(parsed)).toBe(host);
    expect(parsed.port).toBe(port);
    expect(formatUri(parsed)).toBe(text);
  });

  it('R216 three colons are understood and never sent on', () => {
    expect(formatUri(uriOf('sip:a@[2001:db8:::192.0.2.1]'))).toBe('sip:a@[2001:db8::192.0.2.1]');
  });

  it('R217 without brackets it is refused', () => {
    expect(codeOf(parseUri('sip:2001:db8::10'))).toBe('SIP_PARSE_URI');
  });
});

describe('formatUri', () => {
  it('gives back what parseUri took', () => {
    fc.assert(
      fc.property(anyUri, (value) => {
        expect(parseUri(formatUri(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('parseUri never throws, and what it takes survives', () => {
    const nearly = fc
      .string({
        unit: fc.constantFrom('a', '@', ':', ';', '?', '&', '=', '%41', '[', ']', '::1', '5'),
        maxLength: 16,
      })
      .map((text) => `sip:${text}`);
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
        const result = parseUri(text);
        if (result.ok) {
          expect(parseUri(formatUri(result.value))).toEqual(result);
          expect(userOf(text)).toBe(result.value.user);
        } else expect(result.error.code).toMatch(/^SIP_PARSE_URI/);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('escapes', () => {
  it.each([
    ['%75se%72', 'user'],
    ['I%20have%20spaces', 'I have spaces'],
    ['value%25%34%31', 'value%41'],
    ['null-%00-null', 'null-\0-null'],
    ['j%C3%BCrgen', 'jürgen'],
    ['100%', '100%'],
    ['%zz%4', '%zz%4'],
    ['jü%41', 'jüA'],
    ['%FF', '\ufffd'],
  ])('R179 %s means %j, decoded once', (text, meaning) => {
    expect(unescaped(text)).toBe(meaning);
  });

  it.each([
    ['user;par=u@example.net', 'user;par=u%40example.net'],
    ['a:b', 'a%3Ab'],
    ['50%', '50%25'],
    ['#31#', '%2331%23'],
    ['I have', 'I%20have'],
    ['jürgen', 'j%C3%BCrgen'],
    ['😀', '%F0%9F%98%80'],
    ["-_.!~*'()&=+$,;?/", "-_.!~*'()&=+$,;?/"],
    ['\r\n\0', '%0D%0A%00'],
  ])('R179 the user %j is written %s', (user, escaped) => {
    expect(escapeUser(user)).toBe(escaped);
  });

  it('R178 R179 any user survives a URI', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const user = text.replace(/[\ud800-\udfff]/g, 'x');
        expect(unescaped(uriOf(`sip:${escapeUser(user)}@example.com`).user ?? '')).toBe(user);
      }),
    );
  });
});

describe('parameters', () => {
  const params = [
    { name: 'Tag', value: 'a%41' },
    { name: 'q', value: '"x\\"%41"' },
    { name: 'lr', value: null },
    { name: 'TAG', value: 'second' },
  ];

  it('R019 names have no case, and the first of a name counts', () => {
    expect(param(params, 'tAg')).toBe(params[0]);
    expect(param(params, 'absent')).toBeUndefined();
  });

  it('R016 paramValue decodes quotes, and "%" is no escape', () => {
    expect(paramValue(params, 'tag')).toBe('a%41');
    expect(paramValue(params, 'Q')).toBe('x"%41');
    expect(paramValue(params, 'lr')).toBeNull();
    expect(paramValue(params, 'absent')).toBeNull();
  });

  it('R179 uriParam unescapes names and values once', () => {
    const uri = uriOf('sip:caller@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31');
    expect(uriParam(uri, 'lr')).toEqual({ name: 'lr', value: null });
    expect(uriParam(uri, 'NAME')).toEqual({ name: 'name', value: 'value%41' });
    expect(uriParam(uri, 'user')).toBeUndefined();
  });

  it('R019 finds a parameter in any case', () => {
    fc.assert(
      fc.property(token, (name) => {
        expect(paramValue([{ name: name.toUpperCase(), value: 'x' }], name.toLowerCase())).toBe('x');
      }),
    );
  });
});
