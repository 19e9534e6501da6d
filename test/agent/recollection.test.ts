import { expect, it } from 'vitest';
import { historyOf, type Recollection, recollect, transition } from '../../src/agent/recollection.ts';

const NOON = Date.parse('2026-11-21T12:00:00.000Z');

it('what happened last is told oldest first, with its time, and ten of it at most', () => {
  let latest: Recollection | null = null;
  expect(historyOf(latest)).toEqual([]);
  for (let at = 0; at < 25; at++) {
    latest = recollect(latest, NOON + at, { severity: 'warning', text: `failure ${at}` });
    expect(historyOf(latest)).toHaveLength(Math.min(10, at + 1));
  }
  expect(historyOf(latest)[0]).toEqual({
    time: '2026-11-21T12:00:00.015Z',
    severity: 'warning',
    text: 'failure 15',
  });
  expect(historyOf(latest).at(-1)?.text).toBe('failure 24');
});

it('the words of a change of state are there once', () => {
  expect(transition('waiting', 'registering', 'info')).toBe(transition('waiting', 'registering', 'info'));
  expect(transition('waiting', 'registering', 'info')).toEqual({
    severity: 'info',
    text: 'waiting → registering',
  });
});
