// Which credentials a challenge or a 403 is an answer to: in several realms each is judged for itself (RFC 3261 §22.3), and
// what once worked counts for what is sent now alone (behaviour.md §7, §9, §10).

import { describe, expect, it } from 'vitest';
import { ALICE, challenge, granted, type Script, script } from './script.ts';

const inner = (nonce: string, more = ''): string =>
  challenge(nonce, more).replace('example.com', 'inner.example.com');

function twoRealms(): Script {
  const line = script();
  line.begin();
  line.answer(401, { 'WWW-Authenticate': challenge('n1') });
  return line;
}

describe('a registrar of two realms', () => {
  it('R195 that rejects one of them rejects the credentials, though the other is new', () => {
    const line = twoRealms();
    line.answer(401, { 'WWW-Authenticate': [challenge('n2'), inner('i1')] });
    expect(line.failure()?.code).toBe('auth.rejected');
    expect(line.sent).toHaveLength(2);
  });

  it('R195 R259 may call a nonce stale three times again, once it has asked for another realm', () => {
    const line = twoRealms();
    const stale = (nonce: string) =>
      line.answer(401, { 'WWW-Authenticate': challenge(nonce, ', stale=true') });
    for (const nonce of ['n2', 'n3', 'n4']) stale(nonce);
    line.answer(401, { 'WWW-Authenticate': inner('i1') });
    for (const nonce of ['n5', 'n6', 'n7']) stale(nonce);
    line.answer(200, granted(60));
    expect(line.state()).toBe('registered');
  });
});

describe('credentials that changed', () => {
  it('have never worked yet, whatever the former did: a 403 rejects them', () => {
    const changed = { ...ALICE, secret: 'changed' };
    const line = script({ secrets: [changed] });
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(200, granted(60));
    line.step({ type: 'secretChanged', credentials: [changed] });
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n2') });
    line.answer(403);
    expect(line.failure()?.code).toBe('auth.rejected');
  });
});

describe('credentials that worked and are rejected then', () => {
  it('have never worked any more: a 403 rejects them too', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(200, granted(60));
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n2') });
    line.answer(401, { 'WWW-Authenticate': challenge('n3') });
    expect(line.lifecycle().setbacks.rejections).toBe(1);
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n4') });
    line.answer(403);
    expect(line.failure()).toMatchObject({
      code: 'auth.rejected',
      cause: 'the registrar answered 403 Reason to our credentials',
    });
    expect(line.lifecycle().setbacks.rejections).toBe(2);
  });
});
