// SIP and SIPS URIs (RFC 3261 §19.1): parse and format. Components keep their escaped form, so that format gives
// back what parse took. Comparison is in uri-compare.ts; tel: and other schemes are not SIP URIs.

/** A `;name=value` parameter of a URI or of a header value, as it stood on the wire (a quoted value keeps its quotes). */
export type Param = { readonly name: string; readonly value: string | null };

export type SipUri = {
  readonly scheme: 'sip' | 'sips';
  /** Escaped, as on the wire; null when there is no userinfo. */
  readonly user: string | null;
  readonly password: string | null;
  /** As written; an IPv6 literal keeps its brackets. */
  readonly host: string;
  readonly port: number | null;
  readonly params: readonly Param[];
  /** What follows "?", in order. */
  readonly headers: readonly Param[];
};
