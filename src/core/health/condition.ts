// Whether an account is as it should be: what check, /healthz, notices and exit codes all go by, so that they agree.

import type { AccountState } from './snapshot.ts';

/**
 * up: it is registered. down: it should be, and is not, as far as we know. resting: somebody said so. trying: its first
 * attempt, or the one that ends its rest, is not over.
 */
export type Condition = 'up' | 'down' | 'resting' | 'trying';

/** What a condition is judged by: of a failure only whether there is one. */
export type Standpoint = { readonly state: AccountState; readonly failure: object | null };

/** A refresh that failed makes it `down`, although its binding may last for a while. */
export function conditionOf({ state, failure }: Standpoint): Condition {
  switch (state) {
    case 'registered':
    case 'refreshing':
      return 'up';
    case 'disabled':
    case 'paused':
    case 'standby':
      return 'resting';
    case 'blocked':
      return 'down';
    case 'unregistered':
    case 'registering':
    case 'waiting':
    case 'unregistering':
      return failure === null ? 'trying' : 'down';
  }
}

/** Every state, in the order in which an account goes through them. */
export const ACCOUNT_STATES = [
  'unregistered',
  'registering',
  'registered',
  'refreshing',
  'waiting',
  'blocked',
  'unregistering',
  'disabled',
  'paused',
  'standby',
] as const satisfies readonly AccountState[];
