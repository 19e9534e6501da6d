// The keep-alives of a simulated process: src/agent/flow-keeping.ts itself, on virtual time.

import { FlowKeeping, type FlowKeepingOptions } from '../../src/agent/flow-keeping.ts';
import type { Failure } from '../../src/core/health/verdict.ts';
import type { KeepalivePromise, KeepaliveSettings } from '../../src/core/keepalive/terms.ts';
import type { Rng } from '../../src/core/rng.ts';
import type { SocketAddress } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Flow, KeepAliveSign } from '../../src/runtime/transport/flow.ts';
import type { Machinery } from './machinery.ts';
import type { SimAccount, SimFlow } from './sim-account.ts';

type Surroundings = {
  readonly rng: Rng;
  readonly machinery: Machinery;
  readonly monotonic: () => Millis;
  readonly createAlarm: NonNullable<FlowKeepingOptions['createAlarm']>;
  readonly transmit: (flow: SimFlow, bytes: Uint8Array, repeated: boolean) => void;
  readonly lost: (flow: SimFlow, failure: Failure) => void;
  readonly proven: (flow: SimFlow) => void;
  readonly mapped: (flow: SimFlow, address: SocketAddress) => void;
};

const SETTINGS: KeepaliveSettings = { method: 'auto', intervalSeconds: null };

/** FlowKeeping looks at id, transport and remote only. */
function real(flow: SimFlow): Flow {
  return flow as unknown as Flow;
}
function simulated(flow: Flow): SimFlow {
  return flow as unknown as SimFlow;
}

export function createFlowCare(surroundings: Surroundings) {
  const { rng, machinery, monotonic, createAlarm, transmit, lost, proven, mapped } = surroundings;
  const keeping = new FlowKeeping({
    now: monotonic,
    rng,
    createAlarm,
    send: (flow, bytes, repeated) => {
      if (machinery.sendsKeepalives) transmit(simulated(flow), bytes, repeated);
    },
    usersOf: (flow) => [...simulated(flow).users],
    options: () => null,
    lost: (flow, failure) => {
      if (machinery.noticesLoss) lost(simulated(flow), failure);
    },
    proven: (flow) => {
      simulated(flow).isProven = true;
      proven(simulated(flow));
    },
    mapped: (flow, address) => {
      if (machinery.noticesMapping) mapped(simulated(flow), address);
    },
    told: () => {},
  });
  return {
    held: (flow: SimFlow, account: SimAccount): void => keeping.hold(real(flow), account, SETTINGS),
    released: (flow: SimFlow, account: SimAccount): void => keeping.release(real(flow), account),
    promised: (flow: SimFlow, account: SimAccount, promise: KeepalivePromise): void =>
      keeping.promised(real(flow), account, promise),
    gone: (flow: SimFlow): void => keeping.gone(real(flow)),
    heard: (flow: SimFlow): void => {
      flow.heardAt = monotonic();
      keeping.heard(real(flow));
    },
    /** A request on the flow, sent then, got no answer: whether it is closed for that. */
    isGivenUp: (flow: SimFlow, silentSince: Millis): boolean =>
      flow.users.size === 1 || (flow.heardAt <= silentSince && !keeping.doubted(real(flow))),
    sign: (flow: SimFlow, sign: KeepAliveSign, source: SocketAddress): void =>
      keeping.sign(real(flow), sign, source),
    clockJumped: (): void => keeping.clockJumped(),
  };
}
