// SIP messages as data (RFC 3261 §7). Header values stay text, in the order they came: each is parsed when it is
// needed and not before, so that a malformed header nobody asks for harms nobody (§8.1.3, checklist R023).

/** One header row: `name` is the long canonical form of a known name ("Call-ID"), else as it came; `value` is
 * unfolded and trimmed. */
export type HeaderField = { readonly name: string; readonly value: string };

export type SipRequest = {
  readonly kind: 'request';
  readonly method: string;
  /** The Request-URI as it stood in the request line. */
  readonly uri: string;
  /** As received, "SIP/2.0" in any case. */
  readonly version: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
};

export type SipResponse = {
  readonly kind: 'response';
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
};

export type SipMessage = SipRequest | SipResponse;

/** Why bytes or text are not what they should be; `code` is stable (SIP_PARSE_VIA), `message` is for people. */
export type ParseError = { readonly code: string; readonly message: string; readonly offset?: number };

export const NO_BODY: Uint8Array = new Uint8Array(0);
