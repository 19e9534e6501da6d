// Authentication-Info: the next nonce, the server's proof, and that malformed ones harm nobody (RFC 7616 §3.5).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRspauth, parseAuthenticationInfo } from '../../../src/core/digest/authentication-info.ts';
import { startSession } from '../../../src/core/digest/session.ts';
import { NO_BODY } from '../../../src/core/sip/message.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import { goodVectors, vectorChallenge, vectorCredential } from './vectors.ts';

const parse = (value: string, kind: 'www' | 'proxy' = 'www') =>
  parseAuthenticationInfo(
    [{ name: kind === 'www' ? 'Authentication-Info' : 'Proxy-Authentication-Info', value }],
    kind,
  );
const NOTHING = { nextnonce: null, rspauth: null, qop: null, cnonce: null, nc: null };

describe('parseAuthenticationInfo', () => {
  it('R278 reads all five parameters', () => {
    const value = 'nextnonce="n,\\"2", qop=AUTH-INT, rspauth="6629fae4", cnonce="c", nc=00000001, x=y';
    expect(parse(value)).toEqual({
      nextnonce: 'n,"2',
      qop: 'auth-int',
      rspauth: '6629fae4',
      cnonce: 'c',
      nc: '00000001',
    });
  });

  it('R281 reads the proxy header for proxy credentials only', () => {
    const headers = [
      { name: 'Authentication-Info', value: 'nextnonce="registrar"' },
      { name: 'Proxy-Authentication-Info', value: 'nextnonce="proxy"' },
    ];
    expect(parseAuthenticationInfo(headers, 'www')?.nextnonce).toBe('registrar');
    expect(parseAuthenticationInfo(headers, 'proxy')?.nextnonce).toBe('proxy');
    expect(parseAuthenticationInfo(headers.slice(0, 1), 'proxy')).toBeNull();
  });

  it('takes several rows as one list', () => {
    const headers = ['qop=auth', 'nextnonce="n"'].map((value) => ({ name: 'Authentication-Info', value }));
    expect(parseAuthenticationInfo(headers, 'www')).toMatchObject({ qop: 'auth', nextnonce: 'n' });
  });

  it.each(['', ',', '=', 'nextnonce', 'nextnonce=""', 'nextnonce="a\r\nVia: x"', 'Digest nextnonce="x"'])(
    'R280 makes nothing of the malformed %j',
    (value) => {
      expect(parse(value)?.nextnonce === 'x' ? NOTHING : parse(value)).toEqual(NOTHING);
    },
  );

  it('R280 never throws, and never gives a nonce that would break a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const value of [text, `nextnonce=${text}`, `nextnonce="${text}`]) {
          expect(parse(value)?.nextnonce ?? 'none').toMatch(/^[^\r\n\0]+$/);
        }
      }),
    );
  });
});

describe('checkRspauth', () => {
  it.each(goodVectors)('R279 takes the right value of $id and no other', (vector) => {
    const session = {
      ...startSession(vectorChallenge(vector)),
      nonceCount: 1,
      cnonce: vector.qop === undefined ? null : (vector.cnonce ?? null),
    };
    const credential = vectorCredential(vector);
    const response = { uri: vector.uri, body: NO_BODY };
    const check = (rspauth: string) =>
      checkRspauth({ ...NOTHING, rspauth }, session, credential, response, nodeHash);
    expect(check(vector.computed.rspauth)).toBe('match');
    expect(check(vector.computed.rspauth.toUpperCase())).toBe('match');
    // A server that only echoes our response has proved nothing.
    expect(check(vector.computed.response)).toBe('mismatch');
    expect(check('nonsense')).toBe('mismatch');
  });

  it('R279 protects the body of the response where the server says auth-int', () => {
    const [vector] = goodVectors.filter(({ qop, algorithm }) => qop === 'auth' && algorithm === 'SHA-256');
    if (vector === undefined) throw new Error('the vector is gone');
    const session = {
      ...startSession(vectorChallenge(vector)),
      nonceCount: 1,
      cnonce: vector.cnonce ?? null,
    };
    const body = new TextEncoder().encode('body');
    const a2 = `:${vector.uri}:${nodeHash('SHA-256', body)}`;
    const proof = `${vector.computed.ha1}:${vector.nonce}:00000001:${vector.cnonce}:auth-int:${nodeHash('SHA-256', a2)}`;
    const info = { ...NOTHING, qop: 'auth-int', rspauth: nodeHash('SHA-256', proof) } as const;
    const check = (received: Uint8Array) =>
      checkRspauth(info, session, vectorCredential(vector), { uri: vector.uri, body: received }, nodeHash);
    expect(check(body)).toBe('match');
    expect(check(NO_BODY)).toBe('mismatch');
  });

  it('says absent when the server proves nothing', () => {
    const [vector] = goodVectors;
    if (vector === undefined) throw new Error('the vectors are gone');
    const session = startSession(vectorChallenge(vector));
    const response = { uri: vector.uri, body: NO_BODY };
    for (const info of [null, NOTHING]) {
      expect(checkRspauth(info, session, vectorCredential(vector), response, nodeHash)).toBe('absent');
    }
  });
});
