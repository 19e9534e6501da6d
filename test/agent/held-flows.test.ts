// Which accounts use which flow, and what they have in common.

import { describe, expect, it } from 'vitest';
import { HeldFlows } from '../../src/agent/held-flows.ts';
import { type ManagedRegistration, NO_FLOWS } from '../../src/agent/managed-registration.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Flow } from '../../src/runtime/transport/flow.ts';

const TARGET: Target = { transport: 'wss', host: 'pbx.example.com', address: '192.0.2.1', port: 443 };

function accounts(count: number): readonly ManagedRegistration[] {
  return Array.from({ length: count }, () => ({ held: NO_FLOWS }) as unknown as ManagedRegistration);
}

function flowWith(id: number): Flow {
  return { id } as Flow;
}

describe('held flows', () => {
  it('keep one record of where a flow leads, and one list, for all who say the same', () => {
    const held = new HeldFlows();
    const flow = flowWith(1);
    const users = accounts(2);
    for (const account of users) held.hold(account, flow, { ...TARGET });
    expect(held.commonTarget(flow, { ...TARGET })).toBe(held.commonTarget(flow, { ...TARGET }));
    expect(users[0]?.held).toBe(users[1]?.held);
    expect(held.usersOf(flow)).toEqual(users);
  });

  it.each([{ host: 'other.example.com' }, { resource: '/sip' }, { address: '192.0.2.2' }, { port: 8443 }])(
    'leave a target alone that differs by $0',
    (difference) => {
      const held = new HeldFlows();
      const flow = flowWith(1);
      for (const account of accounts(1)) held.hold(account, flow, TARGET);
      const other = { ...TARGET, ...difference };
      expect(held.commonTarget(flow, other)).toBe(other);
    },
  );

  it('know nothing of a flow that nobody holds any more', () => {
    const held = new HeldFlows();
    const flow = flowWith(7);
    const [account] = accounts(1);
    if (account === undefined) throw new Error('there is one');
    expect(held.hold(account, flow, TARGET)).toBe(true);
    expect(held.hold(account, flow, TARGET)).toBe(false);
    held.letGo(account, flow);
    expect([held.get(7), held.usersOf(flow), account.held]).toEqual([undefined, [], []]);
    const target = { ...TARGET };
    expect(held.commonTarget(flow, target)).toBe(target);
  });

  it('know whether something came over them since', () => {
    const held = new HeldFlows();
    const flow = flowWith(1);
    for (const account of accounts(1)) held.hold(account, flow, TARGET);
    expect(held.hasHeard(flow, 0)).toBe(false);
    held.heard(flow, 5);
    expect([held.hasHeard(flow, 4), held.hasHeard(flow, 5), held.hasHeard(flowWith(2), 4)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
