// The Authorization that an IMS client puts into its first REGISTER, before any challenge (3GPP TS 24.229 §5.1.1.2.1):
// it names the private user identity, with empty nonce and response.

import type { HeaderField } from '../sip/message.ts';
import { quote } from '../sip/scan.ts';

/** `uri` is the Request-URI as sent; `realm` the home domain unless configured. */
export function initialAuthorization({
  username,
  realm,
  uri,
}: {
  readonly username: string;
  readonly realm: string;
  readonly uri: string;
}): HeaderField {
  const named = `username=${quote(username)}, realm=${quote(realm)}, uri=${quote(uri)}`;
  return { name: 'Authorization', value: `Digest ${named}, nonce="", response=""` };
}
