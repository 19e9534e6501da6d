// The Digest formulas against every published vector.

import { describe, expect, it } from 'vitest';
import {
  computeHa1,
  computeResponse,
  computeSessionHa1,
  computeUserhash,
} from '../../../src/core/digest/response.ts';
import { NO_BODY } from '../../../src/core/sip/message.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import { bodyOf, goodVectors, type Vector, vectorChallenge, wrongVectors } from './vectors.ts';

function responseOf(vector: Vector, method = vector.method, body = bodyOf(vector)): string {
  const { algorithm, session } = vectorChallenge(vector);
  const { username, realm, password, nonce, uri, qop, nc = '', cnonce = '' } = vector;
  const base = computeHa1({ algorithm, username, realm, password }, nodeHash);
  const ha1 = session ? computeSessionHa1({ algorithm, ha1: base, nonce, cnonce }, nodeHash) : base;
  const protection = qop === undefined ? null : { qop, nc, cnonce };
  return computeResponse({ algorithm, ha1, nonce, protection, method, uri, body }, nodeHash);
}

describe('published vectors', () => {
  it('are there', () => {
    expect(goodVectors.length).toBeGreaterThanOrEqual(12);
  });

  it.each(goodVectors)('R268 R269 R270 R274 response of $id', (vector) => {
    expect(responseOf(vector)).toBe(vector.published.response);
  });

  it.each(goodVectors)('R279 rspauth of $id, for a response without a body', (vector) => {
    expect(responseOf(vector, '', NO_BODY)).toBe(vector.computed.rspauth);
  });

  it.each(goodVectors)('R268 R275 HA1 and userhash of $id', (vector) => {
    const { algorithm } = vectorChallenge(vector);
    const { username, realm, password } = vector;
    expect(computeHa1({ algorithm, username, realm, password }, nodeHash)).toBe(vector.computed.ha1);
    expect(computeUserhash({ algorithm, username, realm }, nodeHash)).toBe(vector.computed.userhash);
  });

  it.each(wrongVectors)('R274 is SHA-512/256 and not the cut SHA-512 of $id', (vector) => {
    expect(responseOf(vector)).not.toBe(vector.published.response);
    expect(responseOf(vector)).toBe(vector.computed.response);
  });
});

describe('auth-int', () => {
  const input = {
    algorithm: 'SHA-256',
    ha1: 'a'.repeat(64),
    nonce: 'n',
    protection: { qop: 'auth-int', nc: '00000001', cnonce: 'c' },
    method: 'REGISTER',
    uri: 'sip:example.com',
  } as const;

  it('R269 hashes the empty string for a message without a body', () => {
    const empty = nodeHash('SHA-256', '');
    const ha2 = nodeHash('SHA-256', `REGISTER:sip:example.com:${empty}`);
    const expected = nodeHash('SHA-256', `${input.ha1}:n:00000001:c:auth-int:${ha2}`);
    expect(computeResponse({ ...input, body: NO_BODY }, nodeHash)).toBe(expected);
  });

  it('protects the body, which auth does not', () => {
    const bodies = [NO_BODY, Uint8Array.of(0xff, 0x00, 0x80)];
    const protect = (qop: 'auth' | 'auth-int') =>
      bodies.map((body) =>
        computeResponse({ ...input, protection: { ...input.protection, qop }, body }, nodeHash),
      );
    expect(new Set(protect('auth-int')).size).toBe(2);
    expect(new Set(protect('auth')).size).toBe(1);
  });
});

describe('one request after another', () => {
  it('has a response of its own, whatever of the one before it is the same', () => {
    const requests = (['MD5', 'SHA-256', 'SHA-512-256', 'MD5'] as const).flatMap((algorithm) =>
      ['sip:a', 'sip:b', 'sip:a'].flatMap((uri) =>
        ['REGISTER', '', 'REGISTER'].map((method) => ({ algorithm, uri, method })),
      ),
    );
    for (const { algorithm, uri, method } of requests) {
      const ha2 = nodeHash(algorithm, `${method}:${uri}`);
      const response = computeResponse(
        { algorithm, ha1: 'h', nonce: 'n', protection: null, method, uri, body: NO_BODY },
        nodeHash,
      );
      expect(response).toBe(nodeHash(algorithm, `h:n:${ha2}`));
    }
  });
});
