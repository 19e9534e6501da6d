// Credentials that nobody has accepted yet, sent to a registrar that does not answer: nobody knows whether they are wrong, so
// each time that they are sent may count as one more wrong password (behaviour.md §9, §10).

import { describe, expect, it } from 'vitest';
import { parseAuthorization } from '../../../src/core/digest/verification.ts';
import { breakFlow, challenge, FIRST, granted, onward, type Script, SECOND, script } from './script.ts';

const TIMER_F_MS = 32_000;

function challenged(line: Script, nonce: string): void {
  line.answer(401, { 'WWW-Authenticate': challenge(nonce) });
}

/** Nonce and count of each REGISTER; null: it had no credentials. */
function shown(line: Script): readonly (string | null)[] {
  return line.sent.map(({ rows }) => {
    const [answer] = rows('Authorization').map(parseAuthorization);
    return answer == null ? null : `${answer.nonce} ${answer.protection?.nc}`;
  });
}

describe('credentials whose answer never came', () => {
  it('R195 are not sent in the next round before the registrar asks: wrong ones are sent twice, not three times', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.pass(TIMER_F_MS);
    expect(line.failure()?.code).toBe('register.timeout');
    onward(line);
    challenged(line, 'n2');
    challenged(line, 'n3');
    expect(line.failure()?.code).toBe('auth.rejected');
    expect(shown(line)).toEqual([null, 'n1 00000001', null, 'n2 00000001']);
  });

  it('are not sent to the next target before it asks, whatever became of the first', () => {
    for (const fail of [
      (line: Script) => line.pass(TIMER_F_MS),
      (line: Script) => breakFlow(line),
      (line: Script) => line.answer(503),
    ]) {
      const line = script({ targets: [FIRST, SECOND] });
      line.begin();
      challenged(line, 'n1');
      fail(line);
      challenged(line, 'second');
      line.answer(200, granted(60));
      expect(line.state()).toBe('registered');
      expect(shown(line)).toEqual([null, 'n1 00000001', null, 'second 00000001']);
    }
  });

  it('R265 use no count twice when the same nonce comes again, which is no rejection', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.pass(TIMER_F_MS);
    onward(line);
    challenged(line, 'n1');
    line.answer(200, granted(60));
    expect(shown(line)).toEqual([null, 'n1 00000001', null, 'n1 00000002']);
    expect(line.state()).toBe('registered');
  });

  it('R196 are sent without being asked once they have worked', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.answer(200, granted(60));
    line.pass(30_000 + TIMER_F_MS);
    expect(shown(line)).toEqual([null, 'n1 00000001', 'n1 00000002', 'n1 00000003']);
  });

  it('are not rejected by a 403 to a REGISTER without them', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.pass(TIMER_F_MS);
    onward(line);
    line.answer(403);
    expect(line.failure()?.code).toBe('register.forbidden');
  });
});
