// What is sent in Authorization: form, counting, escaping, nonces, names beyond ASCII.

import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/core/assert.ts';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import {
  type AuthorizedRequest,
  atRest,
  authorize,
  type DigestSession,
  renewNonce,
  sessionResponse,
  startSession,
} from '../../../src/core/digest/session.ts';
import { parseAuthorization } from '../../../src/core/digest/verification.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { NO_BODY } from '../../../src/core/sip/message.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import { bodyOf, challengeOf, goodVectors, vectorChallenge, vectorCredential } from './vectors.ts';

const request: AuthorizedRequest = { method: 'REGISTER', uri: 'sip:example.com;x=1', body: NO_BODY };
const alice: Credential = { realm: null, username: 'alice', secret: 'p' };
const env = () => ({ hash: nodeHash, rng: seededRng(7) });
const started = (parameters: string) => startSession(challengeOf(`Digest realm="r", nonce="n"${parameters}`));

/** The header values of `count` requests in a row, and the session after them. */
function answered(session: DigestSession, count: number, credential = alice) {
  const values: string[] = [];
  const shared = env();
  let current = session;
  for (let sent = 0; sent < count; sent += 1) {
    const authorized = authorize(current, credential, request, shared);
    values.push(authorized.header.value);
    current = authorized.session;
  }
  return { values, session: current };
}

const only = (parameters: string, credential = alice): string =>
  answered(started(parameters), 1, credential).values.join();
const parameterOf = (value: string, name: string): string | undefined =>
  new RegExp(`[ ,]${name}=("(?:[^"\\\\]|\\\\.)*"|[^,]*)`).exec(value)?.[1];

describe('authorize', () => {
  it.each(goodVectors)('R268 R269 R270 makes the published response of $id', (vector) => {
    const session = {
      ...startSession(vectorChallenge(vector)),
      nonceCount: 1,
      cnonce: vector.qop === undefined ? null : (vector.cnonce ?? null),
    };
    const { method, uri } = vector;
    const response = sessionResponse(
      session,
      vectorCredential(vector),
      { method, uri, body: bodyOf(vector) },
      nodeHash,
    );
    expect(response).toBe(vector.published.response);
  });

  it('R193 answers a 401 with Authorization and a 407 with Proxy-Authorization', () => {
    const session = started('');
    expect(authorize(session, alice, request, env()).header.name).toBe('Authorization');
    const toProxy = { ...session, terms: { ...session.terms, kind: 'proxy' as const } };
    const proxy = authorize(toProxy, alice, request, env());
    expect(proxy.header.name).toBe('Proxy-Authorization');
  });

  it('R199 R263 quotes what has to be quoted and nothing else', () => {
    const value = only(', opaque="o", algorithm=SHA-256, qop="auth"');
    expect(value).toMatch(
      /^Digest username="alice", realm="r", nonce="n", uri="sip:example.com;x=1", response="[0-9a-f]{64}", algorithm=SHA-256, cnonce="[0-9a-f]{32}", opaque="o", qop=auth, nc=00000001$/,
    );
  });

  it('R200 R270 R286 sends qop, nc and cnonce only where qop was offered', () => {
    expect(only('')).toMatch(
      /^Digest username="alice", realm="r", nonce="n", uri="[^"]*", response="[0-9a-f]{32}"$/,
    );
    expect(only(', qop="auth"')).toMatch(/cnonce="[0-9a-f]+", qop=auth, nc=00000001$/);
  });

  it('R264 prefers auth, and uses auth-int when only that is offered', () => {
    expect(parameterOf(only(', qop="auth-int,auth"'), 'qop')).toBe('auth');
    expect(parameterOf(only(', qop="auth-int"'), 'qop')).toBe('auth-int');
  });

  it('R265 counts the requests of a nonce in eight lower-case hex digits', () => {
    const { values } = answered(started(', qop="auth"'), 27);
    const counts = values.map((value) => parameterOf(value, 'nc'));
    expect(counts.slice(0, 2)).toEqual(['00000001', '00000002']);
    expect(counts[9]).toBe('0000000a');
    expect(counts[26]).toBe('0000001b');
    expect(new Set(counts).size).toBe(27);
  });

  it('R267 makes a fresh cnonce of 128 bits for each request', () => {
    const { values } = answered(started(', qop="auth"'), 50);
    const cnonces = values.map((value) => parameterOf(value, 'cnonce'));
    expect(new Set(cnonces).size).toBe(50);
    expect(cnonces.every((cnonce) => /^"[0-9a-f]{32}"$/.test(cnonce ?? ''))).toBe(true);
  });

  it('R268 keeps the cnonce of a -sess session', () => {
    const { values } = answered(started(', qop="auth", algorithm=MD5-sess'), 3);
    expect(new Set(values.map((value) => parameterOf(value, 'cnonce'))).size).toBe(1);
    expect(new Set(values.map((value) => parameterOf(value, 'response'))).size).toBe(3);
  });

  it('R258 R272 gives opaque and algorithm back as they came', () => {
    expect(parameterOf(only(', opaque=""'), 'opaque')).toBe('""');
    expect(only('')).not.toMatch(/opaque|algorithm/);
    expect(parameterOf(only(', algorithm=md5'), 'algorithm')).toBe('md5');
    expect(parameterOf(only(', algorithm="SHA-256-SESS", qop=auth'), 'algorithm')).toBe('SHA-256-SESS');
  });

  it('R271 escapes quotes and backslashes on the wire and hashes the text without escapes', () => {
    const session = startSession(
      challengeOf('Digest realm="a\\"r\\\\", nonce="n\\"1", opaque="o\\\\\\"", algorithm=MD5'),
    );
    const credential: Credential = { ...alice, username: 'al"i\\ce' };
    const { value } = authorize(session, credential, request, env()).header;
    expect(parameterOf(value, 'username')).toBe('"al\\"i\\\\ce"');
    expect(parameterOf(value, 'realm')).toBe('"a\\"r\\\\"');
    expect(parameterOf(value, 'nonce')).toBe('"n\\"1"');
    expect(parameterOf(value, 'opaque')).toBe('"o\\\\\\""');
    const first = nodeHash('MD5', 'al"i\\ce:a"r\\:p');
    const expected = nodeHash('MD5', `${first}:n"1:${nodeHash('MD5', `REGISTER:${request.uri}`)}`);
    expect(parameterOf(value, 'response')).toBe(`"${expected}"`);
  });

  it('R273 answers with an HA1 of any case as with the password', () => {
    const first = nodeHash('SHA-256', 'alice:r:p').toUpperCase();
    const credential: Credential = {
      ...alice,
      secret: { 'SHA-256': first },
    };
    expect(only(', algorithm=SHA-256, qop="auth"', credential)).toBe(only(', algorithm=SHA-256, qop="auth"'));
  });

  it('refuses an HA1 of another algorithm as the bug that it is', () => {
    const credential: Credential = { ...alice, secret: { MD5: 'aa' } };
    expect(() => only(', algorithm=SHA-256', credential)).toThrow(InvariantError);
  });
});

describe('a session between two requests', () => {
  it('keeps no cnonce but that of a -sess key', () => {
    const { session } = answered(started(', qop="auth"'), 3);
    expect(atRest(session)).toEqual({ ...session, cnonce: null });
    const { session: keyed } = answered(started(', qop="auth", algorithm=MD5-sess'), 1);
    expect(keyed.cnonce).toMatch(/^[0-9a-f]{32}$/);
    expect(atRest(keyed)).toBe(keyed);
  });

  it('shares its terms with the others of its realm, as long as they are the same', () => {
    const { terms } = started(', qop="auth", algorithm=MD5');
    expect(startSession(challengeOf('Digest realm="r", nonce="m", qop="auth", algorithm=MD5')).terms).toBe(
      terms,
    );
    for (const other of [', algorithm=MD5', ', qop="auth"', ', qop="auth", algorithm=MD5, userhash=true']) {
      expect(started(other).terms).not.toEqual(terms);
    }
    expect(started(', qop="auth", algorithm=MD5').terms).toEqual(terms);
  });
});

describe('renewNonce', () => {
  it('R266 R278 starts again at 00000001 with the next nonce, and keeps opaque and algorithm', () => {
    const { session } = answered(started(', qop="auth", opaque="o", algorithm=SHA-256'), 5);
    const [value = ''] = answered(renewNonce(session, 'next"'), 1).values;
    expect(parameterOf(value, 'nonce')).toBe('"next\\""');
    expect(parameterOf(value, 'nc')).toBe('00000001');
    expect(parameterOf(value, 'opaque')).toBe('"o"');
    expect(parameterOf(value, 'algorithm')).toBe('SHA-256');
  });

  it('R265 counts on when the next nonce is the present one', () => {
    const { session } = answered(started(', qop="auth"'), 2);
    const [value = ''] = answered(renewNonce(session, 'n'), 1).values;
    expect(parameterOf(value, 'nc')).toBe('00000003');
  });

  it('R268 keeps the key of a -sess session, made with the first nonce', () => {
    const { session } = answered(started(', qop="auth", algorithm=MD5-sess'), 1);
    const [value = ''] = answered(renewNonce(session, 'next'), 1).values;
    const { cnonce } = session;
    const key = nodeHash('MD5', `${nodeHash('MD5', 'alice:r:p')}:n:${cnonce}`);
    const ha2 = nodeHash('MD5', `REGISTER:${request.uri}`);
    const expected = nodeHash('MD5', `${key}:next:00000001:${cnonce}:auth:${ha2}`);
    expect(parameterOf(value, 'response')).toBe(`"${expected}"`);
  });
});

describe('names and passwords beyond ASCII', () => {
  const decomposed: Credential = {
    realm: null,
    username: 'Ja\u0308son',
    secret: 'pa\u0308ss',
  };

  it('R276 normalises both to NFC where the server says UTF-8, and sends the name so', () => {
    const value = only(', charset=UTF-8', decomposed);
    expect(parameterOf(value, 'username')).toBe('"J\u00e4son"');
    const composed: Credential = {
      realm: null,
      username: 'J\u00e4son',
      secret: 'p\u00e4ss',
    };
    expect(value).toBe(only(', charset=UTF-8', composed));
  });

  it('R276 hashes them as configured where it does not', () => {
    const value = only('', decomposed);
    expect(parameterOf(value, 'username')).toBe('"Ja\u0308son"');
    const first = nodeHash('MD5', 'Ja\u0308son:r:pa\u0308ss');
    const expected = nodeHash('MD5', `${first}:n:${nodeHash('MD5', `REGISTER:${request.uri}`)}`);
    expect(parameterOf(value, 'response')).toBe(`"${expected}"`);
  });

  it.each(goodVectors.filter((vector) => vector.published.userhash))(
    'R275 sends the hashed name of $id and says so',
    (vector) => {
      const session = startSession({ ...vectorChallenge(vector), userhash: true });
      const { value } = authorize(session, vectorCredential(vector), request, env()).header;
      expect(parameterOf(value, 'username')).toBe(`"${vector.published.userhash}"`);
      expect(parameterOf(value, 'userhash')).toBe('true');
    },
  );

  it('R277 uses username* alone, for a name that no quoted-string can hold and that is not hashed', () => {
    const credential: Credential = { ...alice, username: 'a\r\nb ä' };
    const value = only(', charset=UTF-8', credential);
    expect(value).toContain("Digest username*=UTF-8''a%0D%0Ab%20%C3%A4, realm=");
    expect(parameterOf(value, 'username')).toBeUndefined();
    expect(parseAuthorization(value)?.username).toBe('a\r\nb ä');
    expect(only(', userhash=true', credential)).not.toContain('username*');
    expect(only(', charset=UTF-8', { ...alice, username: 'ä"' })).not.toContain('username*');
  });
});
