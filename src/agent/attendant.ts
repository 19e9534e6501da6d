// Between an engine and whoever looks after its open flows: what either may ask of the other.

import type { Failure } from '../core/health/verdict.ts';
import type { KeepalivePromise } from '../core/keepalive/terms.ts';
import type { SipRequest } from '../core/sip/message.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import type { Flow, FlowEvents } from '../runtime/transport/flow.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** Looks after open flows for as long as they are held (flow-attendant.ts). */
export type Attendant = {
  readonly held: (flow: Flow, account: ManagedRegistration) => void;
  readonly released: (flow: Flow, account: ManagedRegistration) => void;
  readonly promised: (flow: Flow, account: ManagedRegistration, promise: KeepalivePromise) => void;
  readonly closed: (flow: Flow) => void;
  readonly request: (flow: Flow, request: SipRequest, source: SocketAddress) => void;
  readonly malformed: FlowEvents['malformed'];
  readonly sign: FlowEvents['sign'];
  /** A whole message came. */
  readonly heard: (flow: Flow) => void;
  /** A request on the flow got no answer; true: its keep-alive finds out at once whether it is dead. */
  readonly doubted: (flow: Flow) => boolean;
  /** A response that answers no REGISTER. */
  readonly response: (branch: string, status: number) => void;
  readonly stop: () => void;
};

/** What an attendant may ask of its engine. */
export type FlowDesk = {
  readonly usersOf: (flow: Flow) => readonly ManagedRegistration[];
  /** The flow is dead: everybody on it needs another. */
  readonly giveUp: (flow: Flow, failure: Failure) => void;
  /** A keep-alive was answered on it. */
  readonly proven: (flow: Flow) => void;
};
