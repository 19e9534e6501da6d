import { afterEach, beforeEach, expect, it } from 'vitest';
import { stampText, timeText } from '../../src/runtime/local-time.ts';

let timeZone: string | undefined;
beforeEach(() => {
  timeZone = process.env.TZ;
});
afterEach(() => {
  if (timeZone === undefined) delete process.env.TZ;
  else process.env.TZ = timeZone;
});

it.each([
  ['Europe/Berlin', '2026-07-01T14:05:10+02:00'],
  ['UTC', '2026-07-01T12:05:10+00:00'],
  ['America/St_Johns', '2026-07-01T09:35:10-02:30'],
  ['Pacific/Kiritimati', '2026-07-02T02:05:10+14:00'],
])('stamps with the offset of %s', (zone, text) => {
  process.env.TZ = zone;
  expect(stampText('2026-07-01T12:05:10.999Z')).toBe(text);
});

it('leaves the day out when it is today', () => {
  process.env.TZ = 'Europe/Berlin';
  const now = new Date('2026-11-21T12:00:00Z');
  expect(timeText('2026-11-21T22:59:59Z', now)).toBe('23:59:59+01:00');
  expect(timeText('2026-11-21T23:00:00Z', now)).toBe('2026-11-22 00:00:00+01:00');
});
