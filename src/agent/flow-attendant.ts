// What an agent that stays does for its open flows: it keeps them open, and answers what arrives on them. The engine
// calls it for every flow that an account holds.

import { optionsRequest } from '../core/keepalive/options.ts';
import type { Rng } from '../core/rng.ts';
import { addressText } from '../core/sip/ip.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import { monotonicNow } from '../runtime/clock.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { Attendant, FlowDesk } from './attendant.ts';
import type { AgentEvent } from './events.ts';
import { FlowKeeping } from './flow-keeping.ts';
import { type Answerable, answerableOf } from './incoming/answerable.ts';
import { Answering, type AnsweringCounts } from './incoming/answering.ts';
import type { KeepaliveNews } from './keepalive-news.ts';
import { currentPlan, type ManagedRegistration, nameOf } from './managed-registration.ts';

export type FlowAttendant = Attendant & {
  /** The machine slept: every flow is tried at once. */
  readonly clockJumped: () => void;
  readonly counts: () => AnsweringCounts;
};

/** `mapped`: the first STUN answer on a flow says that it comes from `address`. */
export function attendFlows(
  desk: FlowDesk,
  mapped: (flow: Flow, address: SocketAddress) => void,
  rng: Rng,
  emit: (event: AgentEvent) => void,
): FlowAttendant {
  const keeping = new FlowKeeping({
    now: monotonicNow,
    rng,
    send: (flow, bytes, repeated) => flow.send(bytes, repeated),
    usersOf: desk.usersOf,
    options: (flow) => {
      const [account] = desk.usersOf(flow);
      return account === undefined ? null : optionsRequest(currentPlan(account), flow, rng);
    },
    lost: desk.giveUp,
    proven: desk.proven,
    mapped,
    told: (flow, news) => emit(keepaliveEvent(flow, desk.usersOf(flow), news)),
  });
  const answering = new Answering({ now: monotonicNow, rng, accountsOf: createReception(desk), emit });
  return {
    held: (flow, account) => keeping.hold(flow, account, account.setup.keepalive),
    released: (flow, account) => keeping.release(flow, account),
    promised: (flow, account, promise) => keeping.promised(flow, account, promise),
    closed: (flow) => keeping.gone(flow),
    request: (flow, request, source) => answering.request(flow, request, source),
    malformed: (flow, error, source) => answering.malformed(flow, error, source),
    sign: (flow, sign, source) => keeping.sign(flow, sign, source),
    heard: (flow) => keeping.heard(flow),
    doubted: (flow) => keeping.doubted(flow),
    response: (branch, status) => {
      keeping.response(branch, status);
    },
    clockJumped: () => keeping.clockJumped(),
    counts: () => answering.counts(),
    stop: () => {
      keeping.close();
      answering.stop();
    },
  };
}

/** Who can be reached over a flow; the same list for as long as its accounts and their settings are the same. */
function createReception({ usersOf }: FlowDesk): (flow: Flow) => readonly Answerable[] {
  const lists = new WeakMap<readonly ManagedRegistration[], readonly Answerable[]>();
  return (flow) => {
    const users = usersOf(flow);
    const known = lists.get(users);
    if (known !== undefined) return known;
    const list = users.map((account) =>
      answerableOf(currentPlan(account), account.setup.incoming, () => account.addresses),
    );
    lists.set(users, list);
    return list;
  };
}

function keepaliveEvent(
  { remote, transport }: Flow,
  users: readonly ManagedRegistration[],
  { severity, code, text }: KeepaliveNews,
): AgentEvent {
  const [first, second] = users;
  const account = first === undefined || second !== undefined ? null : nameOf(first);
  const where = `${transport} ${addressText(remote)}`;
  return {
    time: new Date().toISOString(),
    severity,
    type: 'keepalive',
    account,
    code,
    text: `${where}: ${text}`,
  };
}
