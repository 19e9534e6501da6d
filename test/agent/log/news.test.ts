import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AgentEvent } from '../../../src/agent/events.ts';
import { createNews, judged } from '../../../src/agent/log/news.ts';
import type { AccountState } from '../../../src/core/health/snapshot.ts';
import type { VerdictCode } from '../../../src/core/health/verdict.ts';
import {
  failureEvent,
  failureSnapshot,
  isoAt,
  registeredEvent,
  registeredFacts,
  stateEvent,
} from './events.ts';

const MINUTE = 60_000;

it('tells a failure, then keeps silent, then tells it again at growing intervals up to an hour', () => {
  const news = createNews();
  const toldAt: number[] = [];
  for (let minute = 0; minute <= 24 * 60; minute++) {
    const { isNews } = news.judge(failureEvent('a', 'connect.refused', minute * MINUTE), minute * MINUTE);
    if (isNews) toldAt.push(minute);
  }
  expect(toldAt.slice(0, 7)).toEqual([0, 5, 15, 35, 75, 135, 195]);
  expect(toldAt.length).toBeLessThan(30);
});

it('counts what it did not tell', () => {
  const news = createNews();
  for (let attempt = 0; attempt < 11; attempt++) {
    news.judge(failureEvent('a', 'connect.refused', attempt * 1000), attempt * 1000);
  }
  const { telling, isNews } = news.judge(failureEvent('a', 'connect.refused', 6 * MINUTE), 6 * MINUTE);
  expect(isNews).toBe(true);
  expect(telling).toEqual({ type: 'still', count: 12, since: isoAt(0) });
});

it('tells the way back with its length and how many attempts failed, over several codes', () => {
  const news = createNews();
  news.judge(registeredEvent('a', 0), 0);
  news.judge(failureEvent('a', 'connect.refused', 1000), 1000);
  news.judge(failureEvent('a', 'connect.refused', 50_000), 50_000);
  news.judge(failureEvent('a', 'register.timeout', 120_000), 120_000);
  const { telling, isNews } = news.judge(registeredEvent('a', 193_000), 193_000);
  expect(isNews).toBe(true);
  expect(telling).toEqual({
    type: 'again',
    downMs: 192_000,
    attempts: 3,
    since: isoAt(1000),
    code: 'register.timeout',
  });
});

it('tells a state and its failure once, whichever comes first', () => {
  const waiting = stateEvent('a', 'waiting', 0, { failure: failureSnapshot('dns.timeout', 0) });
  const failed = failureEvent('a', 'dns.timeout', 0);
  for (const events of [
    [waiting, failed],
    [failed, waiting],
  ]) {
    const news = createNews();
    expect(events.map((event) => news.judge(event, 0).isNews)).toEqual([true, false]);
    expect(news.judge(failureEvent('a', 'dns.timeout', 6 * MINUTE), 6 * MINUTE).telling).toMatchObject({
      count: 2,
    });
  }
});

it('tells that an account is blocked, although the code stays', () => {
  const news = createNews();
  expect(news.judge(failureEvent('a', 'auth.rejected', 0), 0).isNews).toBe(true);
  expect(news.judge(failureEvent('a', 'auth.rejected', 1000), 1000).isNews).toBe(false);
  const blocked = failureEvent('a', 'auth.rejected', 2000, { state: 'blocked' });
  expect(news.judge(blocked, 2000).isNews).toBe(true);
});

it('does not tell a refresh that changes nothing, but one that does, also to a far shorter time', () => {
  const news = createNews();
  const refreshed = (now: number, granted: number): boolean => {
    const event = stateEvent('a', 'registered', now, registeredFacts(now, granted), 'refreshing');
    return news.judge(event, now).isNews;
  };
  expect(refreshed(0, 300)).toBe(true);
  expect(refreshed(1, 300)).toBe(false);
  expect(refreshed(2, 290)).toBe(false);
  expect(refreshed(3, 60)).toBe(true);
  const target = { transport: 'tls', host: 'b', address: '192.0.2.8', port: 5061 } as const;
  const moved = stateEvent('a', 'registered', 4, { ...registeredFacts(4, 60), target }, 'refreshing');
  expect(news.judge(moved, 4).isNews).toBe(true);
});

it('raises a refresh that is news from a detail to what everybody sees, and no other', () => {
  const news = createNews();
  const refreshed: AgentEvent = { ...registeredEvent('a', 0), severity: 'debug' };
  expect(judged(refreshed, news.judge(refreshed, 0)).severity).toBe('info');
  expect(judged(refreshed, news.judge(refreshed, 1)).severity).toBe('debug');
});

it('sums up a warning by its words', () => {
  const news = createNews();
  const warning = (text: string): AgentEvent => ({
    time: isoAt(0),
    severity: 'warning',
    type: 'warning',
    account: null,
    code: 'state.unwritable',
    text,
  });
  const told = ['no space', 'no space', 'read-only', 'no space'].map(
    (text, now) => news.judge(warning(text), now).isNews,
  );
  expect(told).toEqual([true, false, true, true]);
  expect(news.judge(warning('no space'), 6 * MINUTE).telling).toMatchObject({ type: 'still', count: 2 });
});

it('remembers nothing of accounts that are gone', () => {
  const news = createNews();
  news.judge(registeredEvent('removed', 0), 0);
  news.judge(registeredEvent('paused', 0), 0);
  expect(news.size()).toBe(2);
  const report = { added: [], removed: ['removed'], changed: [], unchanged: 1 };
  news.judge({ time: isoAt(1), severity: 'notice', type: 'reload', ok: true, text: '', report }, 1);
  news.judge(stateEvent('removed', 'unregistered', 2, {}, 'unregistering'), 2);
  news.judge(stateEvent('paused', 'paused', 2), 2);
  expect(news.size()).toBe(0);
});

it('remembers a bounded number of accounts, and tells what it has forgotten again', () => {
  const news = createNews();
  for (let index = 0; index < 100_500; index++) news.judge(failureEvent(`a${index}`, 'dns.timeout', 0), 0);
  expect(news.size()).toBe(100_000);
  expect(news.judge(failureEvent('a0', 'dns.timeout', 1), 1).isNews).toBe(true);
  expect(news.judge(failureEvent('a100499', 'dns.timeout', 1), 1).isNews).toBe(false);
});

const CODES: readonly VerdictCode[] = ['connect.refused', 'dns.timeout', 'auth.rejected'];
const FAILED_STATES: readonly AccountState[] = ['waiting', 'blocked'];
type Happening = { readonly account: string; readonly after: number } & (
  | { readonly is: 'failed'; readonly code: VerdictCode; readonly state: AccountState }
  | { readonly is: 'registered' | 'registering' | 'refreshing' | 'unregistered' }
);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    account: fc.constantFrom('a', 'b', 'c'),
    after: fc.integer({ min: 0, max: 10 * MINUTE }),
    is: fc.constant('failed' as const),
    code: fc.constantFrom(...CODES),
    state: fc.constantFrom(...FAILED_STATES),
  }),
  fc.record({
    account: fc.constantFrom('a', 'b', 'c'),
    after: fc.integer({ min: 0, max: 10 * MINUTE }),
    is: fc.constantFrom('registered' as const, 'registering', 'refreshing', 'unregistered'),
  }),
);

it('swallows no first failure, no other code or state, and no way back, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
      const news = createNews();
      /** What somebody who reads the log takes each account to be doing. */
      const believed = new Map<string, string>();
      let now = 0;
      for (const one of happenings) {
        now += one.after;
        const event =
          one.is === 'failed'
            ? failureEvent(one.account, one.code, now, { state: one.state })
            : stateEvent(one.account, one.is, now, one.is === 'registered' ? registeredFacts(now) : {});
        const { isNews, telling } = news.judge(event, now);
        if (one.is === 'registering' || one.is === 'refreshing') {
          expect(isNews).toBe(false);
          continue;
        }
        const truth = one.is === 'failed' ? `${one.state} ${one.code}` : one.is;
        const before = believed.get(one.account);
        if (before !== truth) expect(isNews).toBe(true);
        if (before !== truth && one.is === 'registered' && before?.includes('.') === true) {
          expect(telling.type).toBe('again');
        }
        believed.set(one.account, truth);
      }
    }),
  );
});
