// Who watches an engine: told of what happens to its registrations, and of every message, as it happens.

import type { AccountState } from '../core/health/snapshot.ts';
import type { Failure } from '../core/health/verdict.ts';
import type { Outcome } from '../core/registration/effect.ts';
import type { SipMessage } from '../core/sip/message.ts';
import type { Transport } from '../core/sip/transport.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import type { ManagedRegistration } from './managed-registration.ts';

/** Who is told what happens. All texts are free of secrets. */
export type Observer = {
  readonly stateChanged: (account: ManagedRegistration, previous: AccountState) => void;
  readonly finished: (account: ManagedRegistration, outcome: Outcome) => void;
  /** A bug of ours ended what the account was doing; it begins again by itself, and `finished` follows. */
  readonly crashed?: (account: ManagedRegistration, error: unknown) => void;
  /** A flow of the account was lost, or did not come about. */
  readonly flowFailed?: (account: ManagedRegistration, transport: Transport) => void;
  readonly warned: (account: ManagedRegistration, text: string) => void;
  /** A flow that `users` hold is gone, and nobody had given it up: it was closed, or left behind by the network. */
  readonly flowLost?: (flow: Flow, users: readonly ManagedRegistration[], failure: Failure) => void;
  /** A message went out or came in; null: nobody wants to see messages. */
  readonly message: MessageListener | null;
  /** Something came in that is not SIP; `text` describes it without its content. */
  readonly dropped: (flow: Flow, text: string) => void;
};

/** `account`: whose it is, where one alone comes into question. `content` has its credentials: redactedText shows it;
 * `bytes` are the same as it went or came. */
export type MessageListener = (
  direction: 'sent' | 'received',
  flow: Flow,
  account: ManagedRegistration | null,
  content: Uint8Array | SipMessage,
  bytes: Uint8Array,
) => void;
