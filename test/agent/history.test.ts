import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type History, type HistoryNotice, openHistory } from '../../src/agent/history.ts';
import type { AccountState } from '../../src/core/health/snapshot.ts';

const BEGIN = Date.parse('2026-11-21T00:00:00.000Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let directory: string;
let clock: number;
let notices: HistoryNotice[];
let opened: History[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-history-'));
  clock = BEGIN;
  notices = [];
  opened = [];
});

afterEach(async () => {
  for (const history of opened) await history.stop();
  rmSync(directory, { recursive: true, force: true });
});

function open(accounts = 1, at: string | null = directory): History {
  const notify = (notice: HistoryNotice): void => void notices.push(notice);
  const history = openHistory({ directory: at, accounts, notify, now: () => clock });
  opened.push(history);
  return history;
}

const path = (): string => join(directory, 'history.ndjson');
const codes = (): readonly string[] => notices.map(({ code }) => code);

/** Ten hours of which one was down. */
function liveADay(history: History): void {
  history.note('office', 'registered');
  clock += 4 * HOUR;
  history.note('office', 'refreshing');
  history.note('office', 'registered', 0.034);
  history.note('office', 'waiting');
  clock += 30 * MINUTE;
  history.note('office', 'registering');
  clock += 30 * MINUTE;
  history.note('office', 'registered', 0.05);
  history.note('office', 'registered', 0.07);
  clock += 5 * HOUR;
}

describe('the history', () => {
  it('tells how long an account was registered, of the time that somebody looked', () => {
    const history = open();
    liveADay(history);
    const share = { ratio: 0.9, up: 9 * 3600, down: 3600, resting: 0 };
    expect(history.uptime('office')).toEqual({
      day: { ...share, unknown: 14 * 3600 },
      week: { ...share, unknown: 158 * 3600 },
    });
    expect(history.uptime('nobody').day).toEqual({
      ratio: null,
      up: 0,
      down: 0,
      resting: 0,
      unknown: 86_400,
    });
    expect(history.recent('office')).toEqual({
      bar: [
        { from: '2026-11-21T00:00:00.000Z', to: '2026-11-21T04:00:00.000Z', state: 'registered' },
        { from: '2026-11-21T04:00:00.000Z', to: '2026-11-21T05:00:00.000Z', state: 'waiting' },
        { from: '2026-11-21T05:00:00.000Z', to: null, state: 'registered' },
      ],
      roundTrips: [
        { at: '2026-11-21T04:00:00.000Z', seconds: 0.034 },
        { at: '2026-11-21T05:00:00.000Z', seconds: 0.06 },
      ],
    });
  });

  it('survives a restart, and the time in between is unknown, not down', async () => {
    const first = open();
    liveADay(first);
    const before = first.recent('office');
    await first.stop();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    clock += HOUR;
    const second = open();
    expect(second.uptime('office').day).toMatchObject({ ratio: 0.9, unknown: 14 * 3600 });
    clock += HOUR;
    second.note('office', 'registered');
    clock += HOUR;
    expect(second.uptime('office').day).toMatchObject({ up: 10 * 3600, down: 3600, unknown: 13 * 3600 });
    expect(second.recent('office').roundTrips).toEqual(before.roundTrips);
    expect(
      second.recent('office').bar.map(({ from, to }) => [from.slice(11, 13), to?.slice(11, 13)]),
    ).toEqual([
      ['00', '04'],
      ['04', '05'],
      ['05', '10'],
      ['12', undefined],
    ]);
    expect(notices).toEqual([]);
  });

  it('of an agent that was killed lacks no more than what was not written yet', async () => {
    const first = open();
    liveADay(first);
    await first.flush();
    clock += 10 * MINUTE;
    first.note('office', 'blocked');
    await first.flush();
    // From here on nothing is written: it is killed.
    clock += HOUR;
    const second = open();
    expect(second.recent('office').bar.at(-1)).toMatchObject({
      state: 'registered',
      to: '2026-11-21T10:10:00.000Z',
    });
    expect(second.uptime('office').day).toMatchObject({ down: 3600 });
  });

  it('writes no line for an event, but what is new once a minute', async () => {
    const history = open();
    liveADay(history);
    expect(readdirSync(directory)).toEqual([]);
    await history.flush();
    const size = statSync(path()).size;
    history.note('office', 'registered');
    await history.flush();
    expect(statSync(path()).size - size).toBeLessThan(30);
    history.note('office', 'waiting');
    expect(statSync(path()).size - size).toBeLessThan(30);
  });

  it('stays small, however long it runs', async () => {
    const history = open();
    for (let day = 0; day < 60; day++) {
      for (let at = 0; at < 144; at++) {
        clock += 10 * MINUTE;
        history.note('office', at % 2 ? 'registered' : 'waiting', 0.1);
        if (at % 12 === 0) await history.flush();
      }
    }
    await history.stop();
    expect(statSync(path()).size).toBeLessThan(30_000);
    const { day, week } = history.uptime('office');
    expect(day.ratio).toBeCloseTo(0.5, 1);
    expect(week.ratio).toBeCloseTo(0.5, 1);
    expect(history.recent('office').roundTrips.length).toBeLessThanOrEqual(24 * 12 + 2);
  });

  it('of fifty thousand accounts is bounded in memory and on disk', async () => {
    const accounts = 50_000;
    const history = open(accounts);
    const names = Array.from({ length: accounts }, (_, at) => `account-${at}`);
    for (let hour = 0; hour < 30; hour += 3) {
      clock += 3 * HOUR;
      for (const name of names) history.note(name, 'registered', 0.04);
    }
    expect(history.recent('account-7').roundTrips.length).toBeLessThanOrEqual(10);
    const begun = performance.now();
    await history.stop();
    expect(statSync(path()).size).toBeLessThan(60 * 2 ** 20);
    const again = open(accounts);
    expect(performance.now() - begun).toBeLessThan(20_000);
    expect(again.uptime('account-7').day.up).toBe(86_400);
  }, 60_000);

  it('forgets an account that is gone, and one that nobody has seen for a week', async () => {
    const first = open();
    for (const name of ['office', 'gone', 'lab']) first.note(name, 'registered');
    await first.flush();
    first.forget('gone');
    clock += MINUTE;
    await first.flush();
    clock += HOUR;
    const second = open();
    expect(second.uptime('gone').day.up).toBe(0);
    expect(second.recent('office').bar).toHaveLength(1);
    clock += 8 * 24 * HOUR;
    second.note('office', 'registered');
    await second.stop();
    expect(readFileSync(path(), 'utf8')).not.toContain('lab');
  });

  it('of more accounts than were expected, of whom some go and others come, is that of each', async () => {
    const first = open(2);
    const names = Array.from({ length: 100 }, (_, at) => `account-${at}`);
    for (const name of names) first.note(name, 'waiting');
    clock += HOUR;
    for (const [at, name] of names.entries()) {
      if (at % 3 === 0) first.forget(name);
      else first.note(name, 'registered');
    }
    for (let at = 0; at < 50; at++) first.note(`late-${at}`, 'blocked');
    clock += HOUR;
    const expected = { ratio: 0.5, up: 3600, down: 3600, resting: 0, unknown: 22 * 3600 };
    const check = (history: History): void => {
      expect(history.uptime('account-0').day.unknown).toBe(86_400);
      expect(history.uptime('account-98').day).toEqual(expected);
      expect(history.uptime('late-0').day).toMatchObject({ up: 0, down: 3600 });
      expect(history.recent('late-49').bar).toHaveLength(1);
    };
    check(first);
    await first.stop();
    check(open(2));
  });

  it('is kept in memory where there is no directory', async () => {
    const history = open(1, null);
    liveADay(history);
    await history.flush();
    expect(history.uptime('office').day.ratio).toBe(0.9);
  });
});

describe('a history file that is not as it should be', () => {
  async function written(): Promise<string> {
    const history = open();
    liveADay(history);
    await history.stop();
    return readFileSync(path(), 'utf8');
  }

  it('with a last line that a crash cut off is no damage', async () => {
    const text = await written();
    appendFileSync(path(), '["c","office",17');
    expect(open().uptime('office').day.ratio).toBe(0.9);
    expect(notices).toEqual([]);
    expect(text.length).toBeGreaterThan(0);
  });

  it('with a summary of no round trip at all is read without it', async () => {
    writeFileSync(
      path(),
      (await written()).replace(/\["t".*\n/g, '').replace(/,\[[^[]*\]\]/, `,[${BEGIN},0,0,0]]`),
    );
    const history = open();
    expect(codes()).toEqual([]);
    expect(history.recent('office').roundTrips).toEqual([]);
    expect(history.uptime('office').day.ratio).toBe(0.9);
  });

  it.each([
    ['a line that says nothing', (text: string) => `${text}["c","office"]\n`],
    ['a line that is no JSON', (text: string) => text.replace('["a"', '["a')],
    ['impossible spans', (text: string) => text.replace(/\["a".*/, '["a","office",5,1,[9,1,0,0,0],[]]')],
    ['no head', (text: string) => text.slice(text.indexOf('\n') + 1)],
    ['nothing but zeros', () => '\0'.repeat(4096)],
  ])('with %s is kept aside, and what is good is used', async (_, spoil) => {
    writeFileSync(path(), spoil(await written()));
    const history = open();
    expect(codes()).toEqual(['history.set-aside']);
    expect(readdirSync(directory).filter((name) => name.includes('.damaged-'))).toHaveLength(1);
    history.note('office', 'registered');
    await history.stop();
    notices = [];
    open();
    expect(notices).toEqual([]);
  });

  it('of a newer version is left as it is', async () => {
    const newer = (await written()).replace('sipreg.history/1', 'sipreg.history/2');
    writeFileSync(path(), newer);
    const history = open();
    liveADay(history);
    await history.stop();
    expect(codes()).toEqual(['history.unwritable']);
    expect(readFileSync(path(), 'utf8')).toBe(newer);
    expect(history.uptime('office').day.ratio).toBe(0.9);
  });

  it('that is a directory is told once, and again when it can be written', async () => {
    mkdirSync(path());
    const history = open();
    liveADay(history);
    await history.flush();
    await history.flush();
    expect(codes()).toEqual(['history.set-aside', 'history.unwritable']);
    rmSync(path(), { recursive: true });
    await history.flush();
    expect(codes().at(-1)).toBe('history.writable');
    expect(open().uptime('office').day.ratio).toBe(0.9);
  });

  it('that somebody removed is written anew', async () => {
    const history = open();
    liveADay(history);
    await history.flush();
    rmSync(path());
    history.note('office', 'paused');
    await history.flush();
    expect(notices).toEqual([]);
    expect(open().uptime('office').day.ratio).toBe(0.9);
  });

  it('never makes it fail, whatever stands there', () => {
    chmodSync(directory, 0o700);
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .tuple(fc.constantFrom('a', 'c', 't', 'x', 'h'), fc.jsonValue())
        .map((value) => JSON.stringify(value)),
      fc
        .tuple(
          fc.constantFrom('a', 'c', 't'),
          fc.constant('office'),
          fc.nat(),
          fc.nat({ max: 8 }),
          fc.array(fc.nat()),
        )
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        writeFileSync(path(), `{"schema":"sipreg.history/1"}\n${lines.join('\n')}\n`);
        const history = openHistory({ directory, accounts: 1, notify: () => {}, now: () => clock });
        const { up, down, resting, unknown } = history.uptime('office').day;
        expect(up + down + resting + unknown).toBeGreaterThanOrEqual(86_399);
        rmSync(directory, { recursive: true });
        mkdirSync(directory);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a clock that is set', () => {
  it('back begins anew when it was far wrong, also over a restart', async () => {
    const history = open();
    clock += 365 * 24 * HOUR;
    history.note('office', 'registered');
    await history.flush();
    clock -= 365 * 24 * HOUR;
    history.note('office', 'waiting');
    clock += HOUR;
    expect(history.uptime('office').day).toMatchObject({ ratio: 0, down: 3600 });
    await history.stop();
    expect(open().uptime('office').day).toMatchObject({ ratio: 0, down: 3600 });
  });

  it('never makes more or less of a day than a day', () => {
    const states = fc.constantFrom<AccountState>('registered', 'refreshing', 'waiting', 'paused', 'blocked');
    const step = fc.tuple(fc.integer({ min: -2 * HOUR, max: 4 * HOUR }), states);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const history = openHistory({ directory: null, accounts: 1, notify: () => {}, now: () => clock });
        clock = BEGIN;
        for (const [by, state] of steps) {
          clock += by;
          history.note('a', state);
        }
        clock += 3 * HOUR;
        const { up, down, resting, unknown } = history.uptime('a').week;
        expect(Math.abs(up + down + resting + unknown - 7 * 86_400)).toBeLessThan(3);
      }),
    );
  });
});
