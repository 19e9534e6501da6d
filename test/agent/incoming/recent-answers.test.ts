// Which answers are kept, for how long, and how many.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRecentAnswers } from '../../../src/agent/incoming/recent-answers.ts';

const RESPONSE = Uint8Array.of(1);

function answered(key: string, more: object = {}) {
  return { key, mergeKey: null, sourceAddress: 'a', reliable: false, response: RESPONSE, ...more };
}

describe('recent answers', () => {
  it('are found for 32 s, however many came meanwhile', () => {
    const answers = createRecentAnswers();
    for (let at = 0; at < 200; at++) {
      answers.keep(answered(`${at}`), at * 1_000);
      if (at >= 31) expect(answers.find(`${at - 31}`, at * 1_000)).toBe(RESPONSE);
      if (at >= 32) expect(answers.find(`${at - 32}`, at * 1_000)).toBeNull();
    }
    expect(answers.size()).toBeLessThanOrEqual(64);
  });

  it('are not kept on streams', () => {
    const answers = createRecentAnswers();
    answers.keep(answered('x', { reliable: true }), 0);
    expect(answers.size()).toBe(0);
    expect(answers.agesAt()).toBeUndefined();
  });

  it('of the oldest leave when there are too many', () => {
    const answers = createRecentAnswers({ total: 20, perSource: 100 });
    for (let index = 0; index < 1_000; index++) {
      answers.keep(answered(`${index}`), 0);
      expect(answers.size()).toBeLessThanOrEqual(20);
      expect(answers.find(`${index}`, 0)).toBe(RESPONSE);
    }
  });

  it('of one source do not push out those of others', () => {
    const answers = createRecentAnswers({ total: 20, perSource: 5 });
    answers.keep(answered('other', { sourceAddress: 'b' }), 0);
    for (let index = 0; index < 1_000; index++) answers.keep(answered(`${index}`), 0);
    expect(answers.find('other', 0)).toBe(RESPONSE);
    expect(answers.size()).toBe(6);
  });

  it('age until nothing is left, whenever they came', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40_000), { maxLength: 40 }), (gaps) => {
        const answers = createRecentAnswers({ total: 16, perSource: 100 });
        let now = 0;
        for (const [index, gap] of gaps.entries()) {
          now += gap;
          answers.keep(answered(`${index}`), now);
        }
        let rings = 0;
        for (let at = answers.agesAt(); at !== undefined; at = answers.agesAt()) {
          now = Math.max(now, at);
          answers.age(now);
          expect(++rings).toBeLessThanOrEqual(2);
        }
        expect(answers.size()).toBe(0);
      }),
    );
  });
});
