// A flow of several accounts, one of which gets no answer to its REGISTER: whether the connection is dead, or only the registrar
// silent to that account.

import { describe, onTestFinished as END, expect, it } from 'vitest';
import type { Supervisor } from '../../src/agent/supervisor.ts';
import { monotonicNow } from '../../src/runtime/clock.ts';
import {
  accountOf,
  answered,
  entryAt,
  openRegistrar,
  openScene,
  until,
  untilState,
} from './supervisor-scene.ts';

/** The REGISTER that the account is about to send leaves, and Timer F is over before an answer is read. */
function loseRegister(supervisor: Supervisor, name: string, sentAt: number): void {
  const account = accountOf(supervisor, name);
  supervisor.engine.request(account, { type: 'roundRequested', goal: 'register' });
  const { round } = account.lifecycle;
  if (round?.phase.name !== 'awaiting' || round.phase.transaction.name !== 'trying')
    throw new Error('not sent');
  const { sent, transaction } = round.phase;
  const phase = {
    name: 'awaiting',
    sent: { ...sent, sentAt },
    transaction: { ...transaction, timeoutAt: monotonicNow() },
  } as const;
  account.lifecycle = { ...account.lifecycle, round: { ...round, phase } };
  supervisor.engine.request(account, { type: 'timePassed' });
}

async function twoOnOneConnection() {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  const overTcp = { registrar: `sip:127.0.0.1:${registrar.ports.tcp}`, transport: 'tcp' };
  await scene.write({ a: entryAt(registrar, 'alice', overTcp), b: entryAt(registrar, 'bob', overTcp) });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'registered', 'a', 'b');
  const flowOf = (name: string) => accountOf(supervisor, name).lifecycle.registration.flow?.id;
  const grants = () => answered(registrar).filter(({ status }) => status === 200).length;
  expect(flowOf('a')).toBe(flowOf('b'));
  return { supervisor, flowOf, grants };
}

describe('a REGISTER without answer', () => {
  it('leaves the connection to the others, when they were answered on it meanwhile', async () => {
    const { supervisor, flowOf, grants } = await twoOnOneConnection();
    const [flow, before] = [flowOf('b'), grants()];
    loseRegister(supervisor, 'a', monotonicNow() - 32_000);
    await until(
      () => grants() > before && accountOf(supervisor, 'a').lifecycle.state === 'registered',
      () => 'alice had registered again',
    );
    expect([flowOf('a'), flowOf('b')]).toEqual([flow, flow]);
    expect(accountOf(supervisor, 'b').lifecycle).toMatchObject({ state: 'registered', failure: null });
  });

  it('ends the connection, when nobody was', async () => {
    const { supervisor, flowOf } = await twoOnOneConnection();
    const flow = flowOf('b');
    loseRegister(supervisor, 'a', monotonicNow());
    await until(
      () => [flowOf('a'), flowOf('b')].every((one) => one !== undefined && one !== flow),
      () => 'both had another connection',
    );
  });
});
