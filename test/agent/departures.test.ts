// Departures: how many leave at once, and who goes next.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { createDepartures, type Departures } from '../../src/agent/departures.ts';

const MOST = 32;

function departures(now: () => number): Departures<number, number[]> {
  const created = createDepartures<number, number[]>(now, (traveller, left) => left.push(traveller));
  onTestFinished(created.stop);
  return created;
}

/** Travellers 0, 1, … depart; who has left is written down. */
function send(out: Departures<number, number[]>, count: number): number[] {
  const left: number[] = [];
  for (let traveller = 0; traveller < count; traveller++) {
    out.depart(traveller, left);
  }
  return left;
}

it('lets as many leave at once as the buffers hold, and one more for each that is answered', () => {
  const out = departures(() => 0);
  const left = send(out, 3 * MOST);
  expect(left).toHaveLength(MOST);
  out.settled(5);
  out.settled(5);
  out.settled(2 * MOST);
  expect(left).toEqual(Array.from({ length: MOST + 1 }, (_, at) => at));
  for (let traveller = 0; traveller < 3 * MOST; traveller++) out.settled(traveller);
  expect(left).toHaveLength(3 * MOST);
});

it('does not wait for those who get no answer', async () => {
  let now = 0;
  const out = departures(() => now);
  const left = send(out, MOST + 2);
  await sleep(120);
  expect(left).toHaveLength(MOST);
  now = 500;
  await expect.poll(() => left.length).toBe(MOST + 2);
});

it('lets nobody leave after the end', async () => {
  let now = 0;
  const out = departures(() => now);
  const left = send(out, MOST + 1);
  out.stop();
  now = 1_000;
  out.settled(0);
  await sleep(120);
  expect(left).toHaveLength(MOST);
});
