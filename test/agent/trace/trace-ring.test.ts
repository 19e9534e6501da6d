import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTraceRing, type TraceLimits, traceLimits } from '../../../src/agent/trace/trace-ring.ts';
import { BEGIN, noteIn, noteOf, OK, PROOF, REGISTER } from './notes.ts';

const ALL = Number.MAX_SAFE_INTEGER;
const REFUSED = OK.replace('200 OK', '403 Forbidden');
const PING = 'OPTIONS sip:1008@192.0.2.50 SIP/2.0\r\n\r\n';
const SMALL: TraceLimits = { messages: 20, bytes: 20_000, messagesEach: 4, bytesEach: 4_000 };

function accountsIn(ring: ReturnType<typeof createTraceRing>): readonly (string | null)[] {
  return [...ring.read([], ALL)].map(({ account }) => account);
}

function countsOf(ring: ReturnType<typeof createTraceRing>): ReadonlyMap<string | null, number> {
  const kept = new Map<string | null, number>();
  for (const account of accountsIn(ring)) kept.set(account, (kept.get(account) ?? 0) + 1);
  return kept;
}

function namesFrom(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, at) => `${from + at}`);
}

function registerAll(ring: ReturnType<typeof createTraceRing>, accounts: readonly string[]): void {
  for (const account of accounts) {
    noteIn(ring, noteOf({ account }));
    noteIn(ring, noteOf({ account, direction: 'received', text: OK }));
  }
}

describe('the trace', () => {
  it('shows messages as they were, without what proves the secret', () => {
    const ring = createTraceRing(traceLimits(1));
    noteIn(ring, noteOf());
    noteIn(ring, noteOf({ time: BEGIN + 34, direction: 'received', text: OK }));
    const [sent, received] = [...ring.read([], ALL)];
    expect(sent).toEqual({
      time: '2026-11-21T10:00:00.000Z',
      type: 'message',
      account: 'office',
      direction: 'sent',
      transport: 'udp',
      local: { address: '192.0.2.50', port: 40112 },
      remote: { address: '192.0.2.7', port: 5060 },
      text: REGISTER.replace(/Digest .*/, (digest) => digest.replace(PROOF, '…')),
    });
    expect(received?.text).toBe(OK);
    expect(JSON.stringify([sent, received])).not.toContain(PROOF);
  });

  it('is read by account, the last ones, oldest first', () => {
    const ring = createTraceRing(traceLimits(3));
    const accounts = ['a', 'b', null, 'a', 'b', 'a'];
    for (const [at, account] of accounts.entries()) noteIn(ring, noteOf({ account, time: BEGIN + at }));
    const read = (names: readonly string[], last: number): readonly string[] =>
      [...ring.read(names, last)].map(({ account, time }) => `${account}${time.slice(22, 23)}`);
    expect(read([], ALL)).toEqual(['a0', 'b1', 'null2', 'a3', 'b4', 'a5']);
    expect(read(['a'], ALL)).toEqual(['a0', 'a3', 'a5']);
    expect(read(['a', 'b'], 2)).toEqual(['b4', 'a5']);
    expect(read(['nobody'], ALL)).toEqual([]);
    expect(read([], 0)).toEqual([]);
  });

  it('of one account has all the room there is', () => {
    const ring = createTraceRing({ ...SMALL, bytes: 1e6 });
    for (let at = 0; at < 100; at++) noteIn(ring, noteOf({ time: BEGIN + at }));
    const times = [...ring.read([], ALL)].map(({ time }) => Date.parse(time) - BEGIN);
    expect(times).toEqual(Array.from({ length: 20 }, (_, at) => 80 + at));
  });

  it('of a quiet account is not pushed out by a flood of another, nor by long messages', () => {
    const ring = createTraceRing(SMALL);
    for (let at = 0; at < 3; at++) noteIn(ring, noteOf({ account: 'quiet' }));
    const long = `OPTIONS sip:a SIP/2.0\r\n\r\n${'x'.repeat(5_000)}`;
    for (let at = 0; at < 500; at++) noteIn(ring, noteOf({ account: null, text: at % 2 ? long : REGISTER }));
    expect(accountsIn(ring).filter((account) => account === 'quiet')).toHaveLength(3);
  });

  it('keeps the last exchange of each of two thousand accounts', () => {
    const ring = createTraceRing(traceLimits(2_000));
    const names = Array.from({ length: 2_000 }, (_, at) => `a${at}`);
    for (let round = 0; round < 3; round++) {
      for (const account of names) {
        noteIn(ring, noteOf({ account, text: REGISTER.padEnd(700) }));
        noteIn(ring, noteOf({ account, direction: 'received', text: OK.padEnd(450) }));
      }
    }
    const kept = countsOf(ring);
    expect(kept.size).toBe(2_000);
    expect(Math.min(...kept.values())).toBeGreaterThanOrEqual(2);
  });

  it('of accounts that fail is not pushed out by ten thousand that are well', () => {
    const ring = createTraceRing(traceLimits(10_003));
    noteIn(ring, noteOf({ account: 'refused' }));
    noteIn(ring, noteOf({ account: 'refused', direction: 'received', text: REFUSED }));
    noteIn(ring, noteOf({ account: 'unanswered' }));
    registerAll(ring, ['recovered']);
    registerAll(ring, namesFrom(0, 10_000));
    noteIn(ring, noteOf({ account: 'refused', direction: 'received', text: PING }));
    noteIn(ring, noteOf({ account: 'refused', text: OK }));
    registerAll(ring, namesFrom(0, 10_000));
    const kept = countsOf(ring);
    expect([kept.get('refused'), kept.get('unanswered'), kept.get('recovered')]).toEqual([4, 1, undefined]);
  });

  it('of accounts that are well has half of the room in an outage of many', () => {
    const ring = createTraceRing(traceLimits(10_000));
    registerAll(ring, namesFrom(0, 5_000));
    for (const account of namesFrom(5_000, 10_000)) {
      noteIn(ring, noteOf({ account }));
      noteIn(ring, noteOf({ account, direction: 'received', text: REFUSED }));
    }
    const kept = [...countsOf(ring).keys()];
    const well = kept.filter((account) => account !== null && Number(account) < 5_000);
    expect(well.length).toBeGreaterThan(0.4 * kept.length);
    expect(well.length).toBeLessThan(0.6 * kept.length);
    // Of either those who were heard last.
    expect(well).toContain('4999');
    expect(kept).toContain('9999');
  });

  it('never has more than it may, and always what came last', () => {
    const message = fc.record({
      account: fc.constantFrom('a', 'b', 'c', null),
      length: fc.nat({ max: 8_000 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 80 }), (messages) => {
        const ring = createTraceRing(SMALL);
        for (const [at, { account, length }] of messages.entries()) {
          noteIn(ring, noteOf({ account, text: 'x'.repeat(length), time: BEGIN + at }));
        }
        const kept = [...ring.read([], ALL)];
        expect(kept.length).toBeLessThanOrEqual(SMALL.messages);
        const bytes = kept.reduce((sum, { text }) => sum + text.length, 0);
        expect(bytes <= SMALL.bytes || kept.length === 1).toBe(true);
        const times = kept.map(({ time }) => Date.parse(time) - BEGIN);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times.at(-1)).toBe(messages.length === 0 ? undefined : messages.length - 1);
      }),
    );
  });

  it('tells followers of each message, until they go', () => {
    const ring = createTraceRing(SMALL);
    const heard: string[] = [];
    noteIn(ring, noteOf());
    const unfollow = ring.follow(({ text }) => heard.push(text));
    noteIn(ring, noteOf());
    unfollow();
    noteIn(ring, noteOf());
    expect(heard).toHaveLength(1);
    expect(heard[0]).not.toContain(PROOF);
  });
});
