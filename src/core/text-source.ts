// Where a text that nobody else should see is to be found: a password, an HA1, the passphrase of a key. Only the place,
// as data; reading it is the business of accounts/secrets.ts.

/** In the accounts file itself, or elsewhere. Paths are absolute. */
export type TextSource =
  | { readonly type: 'literal'; readonly text: string }
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'env'; readonly variable: string }
  | { readonly type: 'command'; readonly argv: readonly string[] }
  | { readonly type: 'credential'; readonly id: string };
