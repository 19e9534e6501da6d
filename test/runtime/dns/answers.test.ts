// Answers that many share: how many questions are under way at once, and how many answers are kept.

import { describe, expect, it } from 'vitest';
import type { Answer, Question } from '../../../src/core/resolve/question.ts';
import { createSharedAnswers } from '../../../src/runtime/dns/answers.ts';

/** An asker whose answers come when the test says so. */
function heldAsker() {
  const waiting: ((answer: Answer) => void)[] = [];
  const asked: string[] = [];
  return {
    asked,
    waiting,
    asker: {
      ask: ({ name }: Question) => {
        asked.push(name);
        return new Promise<Answer>((resolve) => waiting.push(resolve));
      },
      renew: () => {},
      stop: () => {},
    },
  };
}

const FOUND: Answer = { type: 'records', records: ['192.0.2.1'], ttlSeconds: 60 };

/** Lets everything that is ready go on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('shared answers', () => {
  it('have a bounded number of questions under way, and the others wait in line', async () => {
    const { asker, asked, waiting } = heldAsker();
    const shared = createSharedAnswers(asker, () => 0);
    const names = Array.from({ length: 200 }, (_, index) => `n${index}.example.com`);
    const all = Promise.all(names.map((name) => shared.answer({ type: 'A', name })));
    let most = 0;
    for (let answered = 0; answered < names.length; answered++) {
      await settle();
      most = Math.max(most, waiting.length);
      waiting.shift()?.(FOUND);
    }
    expect(most).toBe(64);
    expect(await all).toEqual(names.map(() => FOUND));
    expect(asked).toEqual(names);
  });

  it('are kept in a bounded number: the oldest go first', async () => {
    const { asker, asked, waiting } = heldAsker();
    const shared = createSharedAnswers(asker, () => 0);
    const ask = async (name: string): Promise<void> => {
      const answer = shared.answer({ type: 'A', name });
      await Promise.resolve();
      waiting.shift()?.(FOUND);
      await answer;
    };
    for (let index = 0; index < 4097; index++) await ask(`n${index}`);
    expect(asked).toHaveLength(4097);
    await ask('n4096');
    expect(asked).toHaveLength(4097);
    await ask('n0');
    expect(asked).toHaveLength(4098);
  });

  it('do not keep an answer that was under way when everything was forgotten', async () => {
    const { asker, asked, waiting } = heldAsker();
    const shared = createSharedAnswers(asker, () => 0);
    const before = shared.answer({ type: 'A', name: 'example.com' });
    await settle();
    shared.forget();
    waiting.shift()?.(FOUND);
    expect(await before).toEqual(FOUND);
    void shared.answer({ type: 'A', name: 'example.com' });
    await settle();
    expect(asked).toHaveLength(2);
  });
});
