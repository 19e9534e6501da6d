import { expect, it } from 'vitest';
import { secretFingerprint } from '../../src/agent/secret-fingerprint.ts';

const KEY = 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6';

it.each([
  ['a password', { realm: null, username: 'alice', secret: 'open sesame' }, 'f423311e'],
  ['an HA1', { realm: 'r', username: 'alice', secret: { MD5: 'a'.repeat(32) } }, 'ebda35e8'],
])('%s has the fingerprint that earlier versions have noted', (_, credential, fingerprint) => {
  expect(secretFingerprint([credential], KEY)).toBe(fingerprint);
});

it('is another one under another digest policy: what that kept from being answered may be answered now', () => {
  const credential = { realm: null, username: 'alice', secret: 'open sesame' };
  const policy = { algorithms: ['SHA-256'], needsQop: false } as const;
  expect(secretFingerprint([{ ...credential, policy }], KEY)).not.toBe(secretFingerprint([credential], KEY));
});
