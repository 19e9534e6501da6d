import { expect, it } from 'vitest';
import { ACCOUNT_STATES, conditionOf } from '../../../src/core/health/condition.ts';
import { failureSnapshot } from '../../agent/log/events.ts';

it('every state is up, down, at rest, or on its way, and a failure makes the way a fall', () => {
  const conditions = (failure: ReturnType<typeof failureSnapshot> | null): string =>
    ACCOUNT_STATES.map((state) => `${state} ${conditionOf({ state, failure })}`).join(', ');
  expect(conditions(null)).toBe(
    'unregistered trying, registering trying, registered up, refreshing up, waiting trying, blocked down, unregistering trying, disabled resting, paused resting, standby resting',
  );
  expect(conditions(failureSnapshot('connect.refused', 0))).toBe(
    'unregistered down, registering down, registered up, refreshing up, waiting down, blocked down, unregistering down, disabled resting, paused resting, standby resting',
  );
});
