// What an operator orders of the simulated agent, as src/agent/orders.ts carries it out.

import type { Command } from '../../src/core/registration/lifecycle-state.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Disk } from './disk.ts';
import type { SimAccount } from './sim-account.ts';

const PAUSE_WITHIN_MS: Millis = 35_000;

type Surroundings = {
  readonly accounts: readonly SimAccount[];
  readonly disk: Disk;
  readonly monotonic: () => Millis;
  readonly request: (account: SimAccount, command: Command) => void;
};

export function createOrders({ accounts, disk, monotonic, request }: Surroundings) {
  return {
    refresh: (): void => {
      for (const account of accounts) {
        const { round, state } = account.lifecycle;
        if (state !== 'paused' && round === null)
          request(account, { type: 'roundRequested', goal: 'register' });
      }
    },
    pause: (): void => {
      for (const account of accounts) {
        disk.mark(account.id, { isPaused: true });
        const deadlineAt = monotonic() + PAUSE_WITHIN_MS;
        request(account, { type: 'stopRequested', deadlineAt, into: 'paused' });
      }
    },
    resume: (): void => {
      for (const account of accounts) {
        disk.mark(account.id, { isPaused: false });
        if (account.lifecycle.round === null) request(account, { type: 'roundRequested', goal: 'register' });
      }
    },
  };
}
