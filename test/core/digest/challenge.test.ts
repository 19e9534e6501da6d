// Reading challenges: every tolerance of the checklist, several at once, and hostile text.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/core/digest/challenge.ts';
import { quote } from '../../../src/core/sip/scan.ts';
import { challengeOf } from './vectors.ts';

const www = (value: string) => parseChallenges([{ name: 'WWW-Authenticate', value }]);

describe('one challenge', () => {
  it('is read with all that it says', () => {
    const value =
      'Digest realm="example.com", nonce="abc", opaque="xyz", algorithm=SHA-256, qop="auth,auth-int", stale=TRUE, userhash=true, charset=UTF-8';
    expect(www(value)).toEqual({
      usable: [
        {
          kind: 'www',
          realm: 'example.com',
          nonce: 'abc',
          opaque: 'xyz',
          algorithm: 'SHA-256',
          session: false,
          algorithmText: 'SHA-256',
          qop: ['auth', 'auth-int'],
          stale: true,
          userhash: true,
          utf8: true,
        },
      ],
      unknownAlgorithms: [],
      realms: ['example.com'],
    });
  });

  it('R255 takes parameters in any order, quoted or not, in any case, and ignores unknown ones', () => {
    const usual = challengeOf('Digest realm="r", nonce="n", algorithm=MD5, qop="auth", opaque="o"');
    expect(
      challengeOf('dIGEST QOP=auth ,OPAQUE = "o",x=1,Nonce=n,y="a, realm=z",  algorithm="MD5", REALM=r'),
    ).toEqual(usual);
  });

  it('R255 keeps commas, quotes and backslashes of quoted values', () => {
    const { realm, nonce } = challengeOf('Digest realm="a, \\"b\\" \\\\ c=d", nonce="n,\\"o=p"');
    expect({ realm, nonce }).toEqual({ realm: 'a, "b" \\ c=d', nonce: 'n,"o=p' });
  });

  it('R256 means MD5 without an algorithm, and matches its name in any case', () => {
    expect(challengeOf('Digest realm="r", nonce="n"')).toMatchObject({
      algorithm: 'MD5',
      algorithmText: null,
    });
    expect(challengeOf('Digest realm="r", nonce="n", algorithm=sha-512-256-SESS, qop=auth')).toMatchObject({
      algorithm: 'SHA-512-256',
      session: true,
      algorithmText: 'sha-512-256-SESS',
    });
  });

  it('takes an empty algorithm as none, which is not echoed', () => {
    expect(challengeOf('Digest realm="r", nonce="n", algorithm=""')).toMatchObject({
      algorithm: 'MD5',
      algorithmText: null,
    });
  });

  it('takes the first of a repeated parameter', () => {
    expect(challengeOf('Digest realm="r", nonce="1", Nonce="2"').nonce).toBe('1');
  });

  it('R257 ignores unknown qop values, and is of no use when no known one is left', () => {
    expect(challengeOf('Digest realm="r", nonce="n", qop="token, AUTH-INT ,x"').qop).toEqual(['auth-int']);
    const none = www('Digest realm="r", nonce="n", qop="token"');
    expect(none.usable).toEqual([]);
    expect(none.unknownAlgorithms).toEqual(['MD5 with qop "token" (realm "r")']);
  });

  it('R286 works without qop, and takes an empty list as none', () => {
    expect(challengeOf('Digest realm="r", nonce="n"').qop).toBeNull();
    expect(challengeOf('Digest realm="r", nonce="n", qop=""').qop).toBeNull();
  });

  it('reads an unquoted qop list without losing what follows', () => {
    expect(challengeOf('Digest realm="r", qop=auth,auth-int, nonce="n"')).toMatchObject({ nonce: 'n' });
  });

  it('R201 does not answer -sess without qop', () => {
    const parsed = www('Digest realm="r", nonce="n", algorithm=MD5-sess');
    expect(parsed.usable).toEqual([]);
    expect(parsed.realms).toEqual(['r']);
  });

  it.each([
    ['stale=true', true],
    ['stale="TRUE"', true],
    ['stale=false', false],
    ['stale=truely', false],
    ['stale=""', false],
    ['x=1', false],
  ])('R259 %s', (parameter, stale) => {
    expect(challengeOf(`Digest realm="r", nonce="n", ${parameter}`).stale).toBe(stale);
  });

  it('R258 tells an empty opaque from none', () => {
    expect(challengeOf('Digest realm="r", nonce="n", opaque=""').opaque).toBe('');
    expect(challengeOf('Digest realm="r", nonce="n"').opaque).toBeNull();
  });

  it('R260 ignores the domain parameter', () => {
    const plain = challengeOf('Digest realm="r", nonce="n"');
    expect(challengeOf('Digest realm="r", domain="sip:a sip:b, sip:c", nonce="n"')).toEqual(plain);
  });

  it('R261 has the empty realm when there is none', () => {
    expect(challengeOf('Digest nonce="n"').realm).toBe('');
    expect(challengeOf('Digest realm="", nonce="n"').realm).toBe('');
  });

  it.each(['Digest realm="r"', 'Digest realm="r", nonce=""', 'Digest', '', ', ,', '"'])(
    'R262 ignores one without a nonce: %s',
    (value) => {
      expect(www(value)).toEqual({ usable: [], unknownAlgorithms: [], realms: [] });
    },
  );

  it('ignores values that would break a header of ours', () => {
    for (const name of ['realm', 'nonce', 'opaque']) {
      const broken = `Digest realm="r", nonce="n"`.replace(`${name}="`, `${name}="\r\nVia: x`);
      const value = broken.includes('Via') ? broken : `${broken}, ${name}="\u0000"`;
      expect(www(value).usable).toEqual([]);
    }
  });
});

describe('several challenges', () => {
  it('R283 leaves out unknown schemes and algorithms, and names them with their realm', () => {
    const parsed = parseChallenges([
      { name: 'WWW-Authenticate', value: 'Bearer realm="b", authz_server="https://x"' },
      { name: 'WWW-Authenticate', value: 'Digest realm="r", nonce="1", algorithm=AKAv1-MD5' },
      { name: 'WWW-Authenticate', value: 'Digest realm="r", nonce="2", algorithm=MD5' },
    ]);
    expect(parsed.usable.map(({ nonce }) => nonce)).toEqual(['2']);
    expect(parsed.unknownAlgorithms).toEqual(['bearer (realm "b")', 'AKAv1-MD5 (realm "r")']);
    expect(parsed.realms).toEqual(['b', 'r']);
  });

  it('R198 never uses Basic', () => {
    const parsed = www('Basic realm="r", nonce="n"');
    expect(parsed.usable).toEqual([]);
    expect(parsed.unknownAlgorithms).toEqual(['basic (realm "r")']);
  });

  it('may share one row', () => {
    const value =
      'Negotiate abc==, Digest realm="a, b", nonce="1", algorithm=SHA-256, qop="auth", Digest realm="c", nonce="2"';
    expect(www(value).usable.map(({ realm, nonce }) => [realm, nonce])).toEqual([
      ['a, b', '1'],
      ['c', '2'],
    ]);
  });

  it('R282 stay in the order of the rows', () => {
    const rows = ['SHA-512-256', 'MD5', 'SHA-256'].map((algorithm) => ({
      name: 'Proxy-Authenticate',
      value: `Digest realm="r", nonce="${algorithm}", algorithm=${algorithm}`,
    }));
    const { usable } = parseChallenges(rows);
    expect(usable.map(({ algorithm }) => algorithm)).toEqual(['SHA-512-256', 'MD5', 'SHA-256']);
    expect(usable.every(({ kind }) => kind === 'proxy')).toBe(true);
  });

  it('are read from 401 and 407 headers alike, and other headers are none', () => {
    const parsed = parseChallenges([
      { name: 'Proxy-Authenticate', value: 'Digest realm="proxy", nonce="p"' },
      { name: 'WWW-Authenticate', value: 'Digest realm="registrar", nonce="r"' },
      { name: 'Warning', value: 'Digest realm="warning", nonce="w"' },
    ]);
    expect(parsed.usable.map(({ kind, realm }) => [kind, realm])).toEqual([
      ['www', 'registrar'],
      ['proxy', 'proxy'],
    ]);
  });
});

describe('hostile text', () => {
  const pieces = fc.constantFrom(
    'Digest ',
    'realm=',
    'nonce=',
    'algorithm=',
    'qop=',
    '"',
    '\\',
    ',',
    '=',
    ' ',
    'MD5-sess',
    'auth',
    '\r\n ',
    '\u0000',
    'é',
    '\ud800',
  );
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
  );

  it('never throws, and what is usable has a nonce and no control characters', () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 4 }), (values) => {
        const parsed = parseChallenges(values.map((value) => ({ name: 'WWW-Authenticate', value })));
        for (const { nonce, realm, opaque } of parsed.usable) {
          expect(nonce).not.toBe('');
          expect(`${nonce}${realm}${opaque}`).not.toMatch(/[\r\n\0]/);
          expect(parsed.realms).toContain(realm);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['names', 'a'.repeat(300_000)],
    ['quotes', '"\\'.repeat(150_000)],
    ['spaces', `Digest${' '.repeat(300_000)}`],
    ['words', 'a '.repeat(150_000)],
    ['parameters', 'Digest '.concat('a="b",'.repeat(50_000))],
    ['schemes', 'Digest nonce=a,'.repeat(20_000)],
  ])('costs linear time: %s', (_, value) => {
    const { usable } = www(value);
    expect(usable.length).toBeLessThanOrEqual(256);
  });

  it('gives back any realm, nonce and opaque that was quoted properly', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '=', ' ', 'ä', 'Digest ') });
    fc.assert(
      fc.property(
        text,
        text.map((nonce) => `${nonce}n`),
        text,
        (realm, nonce, opaque) => {
          const value = `Digest realm=${quote(realm)}, nonce=${quote(nonce)}, opaque=${quote(opaque)}`;
          expect(challengeOf(value)).toMatchObject({ realm, nonce, opaque });
        },
      ),
    );
  });
});
