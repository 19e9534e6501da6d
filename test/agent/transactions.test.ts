// What a REGISTER that waits for its answer is told when its time has come: silence, or what came in place of the answer.

import { expect, it } from 'vitest';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import { Transactions } from '../../src/agent/transactions.ts';
import type { SocketAddress } from '../../src/core/sip/transport.ts';
import type { Flow } from '../../src/runtime/transport/flow.ts';

const PEER: SocketAddress = { address: '192.0.2.1', port: 5060 };
const SILENCE = { type: 'timePassed' };

/** An account that has sent its REGISTER over a flow of its own. */
function waiting(transactions: Transactions) {
  const account = { branch: null } as ManagedRegistration;
  const flow = { id: 1, remote: PEER } as Flow;
  transactions.begin(account, flow, 'z9hG4bK1');
  return { account, flow };
}

it('says what came over its flow since it left', () => {
  const transactions = new Transactions();
  const { account, flow } = waiting(transactions);
  expect(transactions.timePassed(account)).toEqual(SILENCE);
  transactions.noise(flow, 'garbage', PEER);
  expect(transactions.timePassed(account)).toEqual({ type: 'timePassed', noise: 'garbage' });
});

it('holds nobody to what strangers send, nor to what came before or over another flow', () => {
  const transactions = new Transactions();
  const { account, flow } = waiting(transactions);
  transactions.noise(flow, 'garbage', { ...PEER, address: '203.0.113.9' });
  transactions.noise(flow, 'garbage', { ...PEER, port: 5061 });
  transactions.noise({ ...flow, id: 2 }, 'garbage', PEER);
  expect(transactions.timePassed(account)).toEqual(SILENCE);
  transactions.noise(flow, 'garbage', PEER);
  transactions.begin(account, flow, 'z9hG4bK2');
  expect(transactions.timePassed(account)).toEqual(SILENCE);
  transactions.end(account);
  expect(transactions.timePassed(account)).toEqual(SILENCE);
});
