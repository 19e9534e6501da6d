// When the state is written, as counted writes: how they share, rest and hurry.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { exactNow } from '../../src/runtime/clock.ts';
import { writeTurns } from '../../src/state/write-turns.ts';

describe('the turns of writing', () => {
  it('come at once, one for all who ask in one turn or while a write is under way', async () => {
    const { ask, writes } = counted(1);
    for (let asked = 0; asked < 100; asked++) ask(true);
    await until(() => writes.length === 1);
    for (let asked = 0; asked < 100; asked++) ask(asked % 2 === 0);
    await until(() => writes.length === 2);
    await sleep(20);
    expect(writes).toHaveLength(2);
  });

  it('rest for as long as there are accounts before what nobody waits for, and not before what is waited for', async () => {
    const few = counted(1000);
    few.ask(true);
    await until(() => few.writes.length === 1);
    few.ask(false);
    await until(() => few.writes.length === 2);
    expect((few.writes[1] ?? 0) - (few.writes[0] ?? 0)).toBeGreaterThan(90);

    // The rest of so many would outlast the test.
    const many = counted(10_000_000);
    many.ask(true);
    await until(() => many.writes.length === 1);
    many.ask(false);
    many.ask(true);
    await until(() => many.writes.length === 2);
  });

  it('do not rest before what is waited for, however long the write before took', async () => {
    const { ask, writes } = counted(1, 250);
    ask(true);
    await until(() => writes.length === 1);
    ask(true);
    await until(() => writes.length === 2);
    expect((writes[1] ?? 0) - (writes[0] ?? 0)).toBeLessThan(1000);
  });

  it('rest before what is waited for too when many were waited for just now', async () => {
    const { ask, writes } = counted(10_000);
    for (let count = 1; count <= 5; count++) {
      ask(true);
      await until(() => writes.length === count);
    }
    expect((writes[4] ?? 0) - (writes[3] ?? 0)).toBeGreaterThan(190);
  });
});

/** Writes that take `ms`, with the instants at which they were made. */
function counted(accounts: number, ms = 0): { ask: (isAwaited: boolean) => void; writes: number[] } {
  const writes: number[] = [];
  const { ask } = writeTurns(async () => {
    writes.push(performance.now());
    if (ms > 0) await sleep(ms);
    return accounts;
  }, exactNow);
  return { ask, writes };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}
