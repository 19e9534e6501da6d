// An account that answers only some challenges (R287).

import { expect, it } from 'vitest';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import { ALICE, challenge, granted, script } from './script.ts';

it('R287 a challenge without qop is not answered where the account forbids that, and the verdict says so', () => {
  const policy = { algorithms: ['MD5', 'SHA-256'], needsQop: true } as const;
  const credential: Credential = { ...ALICE, policy };
  const line = script({ beginnings: { credentials: [credential] }, secrets: [credential] });
  line.begin();
  line.answer(401, { 'WWW-Authenticate': 'Digest realm="example.com", nonce="n1"' });
  expect(line.failure()).toMatchObject({
    code: 'auth.no-algorithm',
    cause: expect.stringMatching(
      /offers only MD5 without qop \(realm "example.com"\), which the account's "digest" does not allow$/,
    ),
    advice: expect.stringContaining('only if the way to the registrar is safe'),
  });
  expect(line.sent).toHaveLength(1);
});

it('R287 a challenge that the account forbids is passed over for one that it allows', () => {
  const policy = { algorithms: ['SHA-256'], needsQop: false } as const;
  const credential: Credential = { ...ALICE, policy };
  const line = script({ beginnings: { credentials: [credential] }, secrets: [credential] });
  line.begin();
  const [weak, strong] = [challenge('n1'), challenge('n2').replace('MD5', 'SHA-256')];
  line.answer(401, { 'WWW-Authenticate': [weak, strong] });
  expect(line.sent.at(-1)?.row('Authorization')).toMatch(/nonce="n2".*algorithm=SHA-256/);
  line.answer(200, granted(300));
  expect(line.state()).toBe('registered');
});
