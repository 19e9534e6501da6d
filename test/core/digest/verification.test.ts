// The server's side: takes every published vector and all that authorize makes, and nothing else.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Credential, DigestAlgorithm, Secret } from '../../../src/core/digest/algorithm.ts';
import { authorize, startSession } from '../../../src/core/digest/session.ts';
import {
  type DigestAuthorization,
  parseAuthorization,
  verifyAuthorization,
} from '../../../src/core/digest/verification.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { quote } from '../../../src/core/sip/scan.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import { bodyOf, challengeOf, goodVectors, vectorAuthorization } from './vectors.ts';

function parsed(value: string): DigestAuthorization {
  const authorization = parseAuthorization(value);
  if (authorization === null) throw new Error(`no Digest authorization: ${value}`);
  return authorization;
}

describe('published vectors', () => {
  it.each(goodVectors)(
    'R274 $id is accepted, and refused with another password, method or response',
    (vector) => {
      const { username, password, method } = vector;
      const authorization = parsed(vectorAuthorization(vector, vector.published.response));
      const verify = (change: {
        readonly password?: string;
        readonly method?: string;
        readonly username?: string;
      }) =>
        verifyAuthorization(
          {
            authorization,
            username: change.username ?? username,
            secret: change.password ?? password,
            method: change.method ?? method,
            body: bodyOf(vector),
          },
          nodeHash,
        );
      expect(verify({})).toBe(true);
      expect(verify({ password: `${password}x` })).toBe(false);
      expect(verify({ method: 'BYE' })).toBe(false);
      expect(verify({ username: 'mallory' })).toBe(false);
      const flipped = vector.published.response.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
      const forged = parsed(vectorAuthorization(vector, flipped));
      const secret: Secret = password;
      const input = { username, secret, method, body: bodyOf(vector) };
      expect(verifyAuthorization({ ...input, authorization: forged }, nodeHash)).toBe(false);
    },
  );

  it('reads the name of a username*', () => {
    const [vector] = goodVectors.filter(({ usernameStar }) => usernameStar !== undefined);
    if (vector === undefined) throw new Error('the vector is gone');
    expect(parsed(vectorAuthorization(vector, '')).username).toBe('Jäsøn Doe');
  });
});

describe('parseAuthorization', () => {
  it.each([
    ['another scheme', 'Basic YWxpY2U6cA=='],
    ['nothing', ''],
    ['an unknown algorithm', 'Digest username="a", algorithm=AKAv1-MD5, response="00"'],
    ['an unknown qop', 'Digest username="a", qop=token, nc=00000001, cnonce="c", response="00"'],
    ['a count that is no eight digits', 'Digest username="a", qop=auth, nc=1, cnonce="c", response="00"'],
    ['both forms of the name', `Digest username="a", username*=UTF-8''a, response="00"`],
    ['a broken username*', `Digest username*=UTF-8''%E0%A4%A, response="00"`],
    ['a foreign username*', `Digest username*=ISO-8859-1''a, response="00"`],
  ])('refuses %s', (_, value) => {
    expect(parseAuthorization(value)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const authorization = parseAuthorization(`Digest username*=${text}, ${text}`);
        expect(authorization === null || typeof authorization.username === 'string').toBe(true);
      }),
    );
  });
});

describe('what authorize makes', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'Z', '7', '"', '\\', ',', '=', ' ', ':', 'é', '☎'),
    maxLength: 12,
  });
  const algorithm = fc.constantFrom<DigestAlgorithm>('MD5', 'SHA-256', 'SHA-512-256');
  const exchange = fc.record({
    username: text,
    realm: text,
    password: text,
    nonce: text.map((nonce) => `${nonce}n`),
    uri: text.map((rest) => `sip:${rest}`),
    algorithm,
    // Which form: the RFC 2069 one, or auth or auth-int with a session key or without.
    form: fc.constantFrom('', ', qop=auth', ', qop="auth-int"', '-sess, qop=auth', '-sess, qop="auth-int"'),
    userhash: fc.boolean(),
    asHa1: fc.boolean(),
    uses: fc.integer({ min: 1, max: 4 }),
    body: fc.uint8Array({ maxLength: 20 }),
  });

  function answer(given: typeof exchange extends fc.Arbitrary<infer Given> ? Given : never) {
    const { username, realm, password, nonce, uri, body } = given;
    const challenge = challengeOf(
      `Digest realm=${quote(realm)}, nonce=${quote(nonce)}, userhash=${given.userhash}, algorithm=${given.algorithm}${given.form}`,
    );
    const ha1 = nodeHash(given.algorithm, `${username}:${realm}:${password}`);
    const secret: Secret = given.asHa1 ? { [given.algorithm]: ha1 } : password;
    const credential: Credential = { realm, username, secret };
    const env = { hash: nodeHash, rng: seededRng(1) };
    const request = { method: 'REGISTER', uri, body };
    let made = authorize(startSession(challenge), credential, request, env);
    for (let use = 1; use < given.uses; use += 1) made = authorize(made.session, credential, request, env);
    return parsed(made.header.value);
  }

  it('is accepted, in every form', () => {
    fc.assert(
      fc.property(exchange, (given) => {
        const { username, password, body } = given;
        const secret: Secret = password;
        const authorization = answer(given);
        expect(authorization.uri).toBe(given.uri);
        expect(
          verifyAuthorization({ authorization, username, secret, method: 'REGISTER', body }, nodeHash),
        ).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused when password, nonce, uri, realm or count is another', () => {
    fc.assert(
      fc.property(exchange, (given) => {
        const authorization = answer(given);
        const { username, password, body } = given;
        const accepts = (change: Partial<DigestAuthorization>, guess = password) =>
          verifyAuthorization(
            {
              authorization: { ...authorization, ...change },
              username,
              secret: guess,
              method: 'REGISTER',
              body,
            },
            nodeHash,
          );
        expect(accepts({}, `${password}x`)).toBe(false);
        expect(accepts({ nonce: `${given.nonce}x` })).toBe(false);
        expect(accepts({ uri: `${given.uri}x` })).toBe(false);
        expect(accepts({ realm: `${given.realm}x` })).toBe(false);
        expect(accepts({ response: '' })).toBe(false);
        const { protection } = authorization;
        if (protection !== null) {
          expect(accepts({ protection: { ...protection, nc: 'ffffffff' } })).toBe(false);
          expect(accepts({ protection: null })).toBe(false);
        }
      }),
    );
  });

  it('is not accepted with an HA1 of another algorithm', () => {
    const authorization = parsed('Digest username="a", realm="r", nonce="n", uri="u", response="00"');
    const secret: Secret = { 'SHA-256': 'aa' };
    const input = { authorization, username: 'a', secret, method: 'REGISTER', body: new Uint8Array(0) };
    expect(verifyAuthorization(input, nodeHash)).toBe(false);
  });

  it('is refused under another name, also when the HA1 would fit', () => {
    const [vector] = goodVectors;
    if (vector === undefined) throw new Error('the vectors are gone');
    const authorization = parsed(vectorAuthorization(vector, vector.published.response));
    const secret: Secret = { MD5: vector.computed.ha1 };
    const verify = (username: string) =>
      verifyAuthorization(
        { authorization, username, secret, method: vector.method, body: new Uint8Array(0) },
        nodeHash,
      );
    expect(verify(vector.username)).toBe(true);
    expect(verify('mallory')).toBe(false);
  });

  it('R201 is refused with -sess but without qop, whatever it was computed with', () => {
    const ha1 = nodeHash('MD5', `${nodeHash('MD5', 'a:r:p')}:n:`);
    const response = nodeHash('MD5', `${ha1}:n:${nodeHash('MD5', 'REGISTER:u')}`);
    const authorization = parsed(
      `Digest username="a", realm="r", nonce="n", uri="u", algorithm=MD5-sess, response="${response}"`,
    );
    const secret: Secret = 'p';
    const input = { authorization, username: 'a', secret, method: 'REGISTER', body: new Uint8Array(0) };
    expect(verifyAuthorization(input, nodeHash)).toBe(false);
  });
});
