// One account as the outside sees it (interface.md, "One account as JSON"). Status text, --json and tests read this
// and nothing else formats state. Times are RFC 3339 UTC, durations are seconds.

import type { Transport } from '../sip/transport.ts';
import type { ExpiryLevel } from './certificate-expiry.ts';
import type { Stage, VerdictCode } from './verdict.ts';

export type AccountState =
  | 'unregistered'
  | 'registering'
  | 'registered'
  | 'refreshing'
  | 'waiting'
  | 'blocked'
  | 'unregistering'
  | 'disabled'
  | 'paused'
  | 'standby';

export type GrantSource = 'contact' | 'expires-header' | 'requested';
export type MatchedBy = 'instance' | 'uri' | 'count' | 'none';

export type ExpiresSnapshot = {
  readonly requested: number;
  readonly granted: number;
  readonly source: GrantSource;
  readonly matchedBy: MatchedBy;
  /** When the binding ends. */
  readonly at: string;
};

export type TargetSnapshot = {
  readonly transport: Transport;
  readonly host: string;
  readonly address: string;
  readonly port: number;
};

export type AddressSnapshot = { readonly address: string; readonly port: number };

export type BindingSnapshot = {
  readonly uri: string;
  readonly expires: number | null;
  readonly own: boolean;
};

export type FailureSnapshot = {
  readonly stage: Stage;
  readonly code: VerdictCode;
  readonly status: number | null;
  readonly reason: string | null;
  readonly cause: string;
  readonly advice: string;
  readonly retryAfter: number | null;
  readonly at: string;
};

export type FlowSnapshot = {
  readonly regId: number;
  readonly proxy: string | null;
  readonly state: AccountState;
  /** When this flow has something to do by itself; null: it waits for somebody, or is at it. */
  readonly nextAttempt: string | null;
  readonly target: TargetSnapshot | null;
  readonly callId: string;
  readonly cseq: number;
  readonly expires: ExpiresSnapshot | null;
  readonly failure: FailureSnapshot | null;
};

/** A certificate's dates (RFC 3339 UTC) and how near its end it is. */
export type CertificateSnapshot = {
  readonly subject: string;
  readonly validFrom: string;
  readonly validTo: string;
  readonly sha256: string;
  /** Days with one decimal, negative once it has expired; null when the dates cannot be read. */
  readonly daysLeft: number | null;
};

export type TlsSnapshot = {
  readonly protocol: string;
  readonly cipher: string;
  readonly peer: CertificateSnapshot & { readonly issuer: string };
  /** Our own certificate on this flow, whether or not the server asked for it; null: we have none. */
  readonly own: (CertificateSnapshot & { readonly serial: string; readonly file: string }) | null;
  /** The server asked for a client certificate. */
  readonly clientCertificateRequested: boolean;
  /** The more urgent of the peer's and our own (behaviour.md §21). */
  readonly expiry: ExpiryLevel;
  /** The files of tls.cert, tls.key and tls.ca as they lie on disk. */
  readonly material: {
    /** `renewed`: the next flow will use others than this one. */
    readonly state: 'current' | 'renewed' | 'invalid';
    /** Since when the files are as they are; null: not known. */
    readonly since: string | null;
    /** Why they are invalid. */
    readonly cause: string | null;
  };
};

export type AccountSnapshot = {
  readonly account: string;
  readonly aor: string;
  readonly registrar: string;
  readonly state: AccountState;
  readonly since: string;
  readonly expires: ExpiresSnapshot | null;
  readonly nextAttempt: string | null;
  readonly target: TargetSnapshot | null;
  readonly local: AddressSnapshot | null;
  readonly public: AddressSnapshot | null;
  readonly bindings: readonly BindingSnapshot[];
  readonly flows: readonly FlowSnapshot[];
  readonly callId: string;
  readonly cseq: number;
  /** REGISTERs sent for the last outcome. */
  readonly requests: number;
  /** Round trip of the last answered request, seconds. */
  readonly rtt: number | null;
  readonly auth: { readonly realm: string; readonly algorithm: string; readonly qop: string | null } | null;
  /** RFC 5626 is applied: the registrar said `Require: outbound`. */
  readonly outbound: boolean;
  readonly serviceRoute: readonly string[];
  readonly path: readonly string[];
  /** P-Associated-URI. */
  readonly associatedUris: readonly string[];
  readonly gruu: { readonly public: string | null; readonly temporary: string | null };
  readonly tls: TlsSnapshot | null;
  readonly failure: FailureSnapshot | null;
};

/**
 * What every change of an account is judged by (is it news, does it count?): the part of its snapshot that can be had without
 * making dates and texts. A whole snapshot is one too.
 */
export type AccountGlance = {
  readonly registrar: string;
  readonly target: Pick<TargetSnapshot, 'transport' | 'address' | 'port'> | null;
  readonly public: AddressSnapshot | null;
  readonly expires: Pick<ExpiresSnapshot, 'granted' | 'source' | 'matchedBy'> | null;
  readonly rtt: number | null;
  readonly failure: Pick<FailureSnapshot, 'code'> | null;
};
