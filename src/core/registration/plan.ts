// A validated account, as the registration machine sees it: what to register, and the profile that says where and how.
// accounts/plan.ts makes it from the accounts file; it holds no secret.

import { oncePerObject } from '../made-once.ts';
import type { HeaderField } from '../sip/message.ts';
import type { SocketAddress, Transport } from '../sip/transport.ts';
import { formatUri, type Param, type SipUri } from '../sip/uri.ts';

/** The Contact that is registered: a whole URI for another host, or one made from the flow's own address. */
export type ContactPlan = {
  /** Registered as it stands; null: made from the flow. */
  readonly uri: SipUri | null;
  /** User part (escaped) of a Contact made from the flow; '': none, null: the AOR's. */
  readonly user: string | null;
  readonly uriParams: readonly Param[];
  /** Header parameters in wire form, quoted where they must be (RFC 3840). */
  readonly params: readonly Param[];
};

/** A proxy to go through. `webSocket`: what its ws: or wss: URI says and a SIP URI cannot (RFC 6455 §3, RFC 7118 §5.2). */
export type ProxyUri = SipUri & {
  readonly webSocket?: { readonly secure: boolean /** Path and query. */; readonly resource: string };
};

export type RetryPolicy = {
  /** RFC 5626 §4.5 base, seconds (30). */
  readonly baseSeconds: number;
  /** Longest wait, seconds; null: 300, or 1800 with several outbound flows. */
  readonly maxSeconds: number | null;
  /** Tries with rejected credentials before `blocked` (3). */
  readonly credentialAttempts: number;
  /** Seconds between two probes while blocked; 0: never (21600). */
  readonly blockedProbeSeconds: number;
};

/**
 * The plan of each flow of an account, in the order of their reg-ids (RFC 5626 §4.2.1): with outbound each proxy is the
 * first hop of a flow of its own, else all of them are the route of the only one.
 */
export function flowPlans(plan: Plan): readonly [Plan, ...Plan[]] {
  const [first, ...others] = flowProfiles(plan.profile);
  if (first === undefined) return [plan];
  const along = (profile: Profile): Plan => ({ ...plan, profile });
  return [along(first), ...others.map(along)];
}

const flowProfiles = oncePerObject((profile: Profile): readonly Profile[] =>
  profile.outbound === 'on' ? profile.proxies.map((proxy) => ({ ...profile, proxies: [proxy] })) : [],
);

/** The From of the account's requests, without angle brackets. */
export function fromUri({ aor, profile: { from } }: Plan): string {
  return from === null ? aor : formatUri(from);
}

/** What an account has of its own. */
export type Plan = {
  /** The account's name in the accounts file. */
  readonly account: string;
  /** A SIP URI, as From and To have it. */
  readonly aor: string;
  readonly contact: ContactPlan;
  /** For an Authorization with empty nonce and response in the first REGISTER (3GPP TS 24.229). */
  readonly initialAuthorization: { readonly username: string; readonly realm: string } | null;
  readonly profile: Profile;
};

/** Where and how an account registers: the same for thousands that share their settings, who then share this record. */
export type Profile = {
  /** The From of the REGISTER when a third party registers (RFC 3261 §10.2); null: the AOR. */
  readonly from: SipUri | null;
  /** As configured, with its parameters: they choose the target. */
  readonly registrar: SipUri;
  /** Pre-loaded Route set; each with `lr`. */
  readonly proxies: readonly ProxyUri[];
  readonly transport: Transport | 'auto';
  /** Seconds asked for. */
  readonly expires: number;
  /** The address and port to send from; null: the system chooses both. */
  readonly local: SocketAddress | null;
  readonly nat: 'auto' | 'off';
  readonly outbound: 'auto' | 'on' | 'off';
  /** RFC 6223 §4: the Via offers to keep the flow alive. */
  readonly offersKeep: boolean;
  /** Set by the account; null: the state directory's own. A URN, without angle brackets. */
  readonly instanceId: string | null;
  /** Extra header fields of each REGISTER. */
  readonly headers: readonly HeaderField[];
  /** null: no User-Agent field. */
  readonly userAgent: string | null;
  readonly retry: RetryPolicy;
};
