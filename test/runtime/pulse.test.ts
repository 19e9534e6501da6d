import { expect, it } from 'vitest';
import { onPulse } from '../../src/runtime/pulse.ts';

const intervals = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

it('beats for all with one timer, which keeps no process alive, and leaves none behind', async () => {
  const before = intervals();
  let beats = 0;
  const beat = (): void => void beats++;
  await new Promise<void>((resolve) => {
    const stops = [onPulse(beat), onPulse(beat), onPulse(() => resolve())];
    // An unref'd timer is not among those that keep the process alive.
    expect(intervals()).toBe(before);
    const alive = setTimeout(() => {}, 5_000);
    stops.push(
      onPulse(() => {
        clearTimeout(alive);
        for (const stop of stops) stop();
      }),
    );
  });
  expect(beats).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(beats).toBe(2);
});
