import { expect, it } from 'vitest';
import { watchEventLoop } from '../../src/agent/event-loop.ts';
import type { AgentEvent } from '../../src/agent/events.ts';

function play(beats: readonly { readonly at: number; readonly computed: number }[]): readonly AgentEvent[] {
  const told: AgentEvent[] = [];
  let now = { at: 0, computed: 0 };
  let beat: () => void = () => {};
  const watch = watchEventLoop((event) => told.push(event), {
    monotonic: () => now.at,
    computed: () => now.computed,
    wall: () => new Date(now.at),
    onPulse: (listener) => {
      beat = listener;
      return () => {
        beat = () => {};
      };
    },
  });
  for (const one of beats) {
    now = one;
    beat();
  }
  watch.stop();
  now = { at: 1e9, computed: 0 };
  beat();
  return told;
}

it('tells of a beat that comes more than a second late, once, and how much was computed', () => {
  const told = play([
    { at: 1_000, computed: 10 },
    { at: 2_900, computed: 20 },
    { at: 6_200, computed: 2_220 },
    { at: 7_200, computed: 2_230 },
  ]);
  expect(told).toEqual([
    {
      time: '1970-01-01T00:00:06.200Z',
      severity: 'warning',
      type: 'agent',
      code: 'agent.event-loop-blocked',
      text: 'nothing was done for 2.3 s, of which this process computed 2.2 s; what was due in between is late by as much',
    },
  ]);
});

it('knows a process that was stopped from one that computed', () => {
  const [event] = play([{ at: 301_000, computed: 0 }]);
  expect(event).toMatchObject({
    text: expect.stringContaining('for 5 min, of which this process computed 0.0 s'),
  });
});

it('notices a real block, with the clocks of the system', async () => {
  const told: AgentEvent[] = [];
  const watch = watchEventLoop((event) => told.push(event));
  const until = performance.now() + 2_200;
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 50));
  watch.stop();
  expect(told).toMatchObject([{ code: 'agent.event-loop-blocked' }]);
});
