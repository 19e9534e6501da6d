// How `defaults` and an account become one entry: what the account says wins. Objects made of settings are merged
// key by key; everything else is replaced as a whole, and a secret also takes the place of the other kind.

import type { AccountDefaults, AccountEntry, AccountsDocument } from './schema.ts';

/** Accounts by name, in the order of the file, with the defaults filled in. */
export type Accounts = Iterable<readonly [string, AccountEntry]> & {
  readonly size: number;
  readonly has: (name: string) => boolean;
  readonly get: (name: string) => AccountEntry | undefined;
  readonly keys: () => Iterable<string>;
};

/** Every account of `document`. An entry is made when somebody asks for it: ten thousand merged ones would stay for as long as
 * the document, and are looked at at a start and a reload. */
export function accountsOf(document: () => AccountsDocument): Accounts {
  const own = (): AccountsDocument['accounts'] => document().accounts;
  return {
    size: Object.keys(own()).length,
    has: (name) => Object.hasOwn(own(), name),
    get: (name) => {
      const { defaults = NO_DEFAULTS, accounts } = document();
      const entry = Object.hasOwn(accounts, name) ? accounts[name] : undefined;
      return entry && withDefaults(defaults, entry);
    },
    keys: () => Object.keys(own()),
    *[Symbol.iterator]() {
      const { defaults = NO_DEFAULTS, accounts } = document();
      for (const name of Object.keys(accounts)) {
        const entry = accounts[name];
        if (entry !== undefined) yield [name, withDefaults(defaults, entry)] as const;
      }
    },
  };
}

const NO_DEFAULTS: AccountDefaults = {};

/** The entry of an account that is known to be there. */
export function entryOf(accounts: Accounts, name: string): AccountEntry {
  const entry = accounts.get(name);
  if (entry === undefined) throw new Error(`the file has ${name}`);
  return entry;
}

/** `own` with what it leaves open taken from `defaults`. One literal: thousands are made, and V8 takes long for a spread
 * (core/draft.ts). */
function withDefaults(defaults: AccountDefaults, own: AccountEntry): WholeEntry {
  // A password takes the place of an HA1, and a whole contact that of its pieces; and the other way round.
  const takesPassword = own.ha1 === undefined;
  const takesHa1 = own.password === undefined;
  const takesContact = own.contactUser === undefined && own.contactUriParams === undefined;
  const takesPieces = own.contact === undefined;
  return {
    aor: own.aor,
    from: own.from ?? defaults.from,
    registrar: own.registrar ?? defaults.registrar,
    outboundProxy: own.outboundProxy ?? defaults.outboundProxy,
    username: own.username ?? defaults.username,
    realm: own.realm ?? defaults.realm,
    password: own.password ?? (takesPassword ? defaults.password : undefined),
    ha1: own.ha1 ?? (takesHa1 ? defaults.ha1 : undefined),
    credentials: own.credentials ?? defaults.credentials,
    digest: merged(defaults.digest, own.digest),
    transport: own.transport ?? defaults.transport,
    expires: own.expires ?? defaults.expires,
    contact: own.contact ?? (takesContact ? defaults.contact : undefined),
    contactUser: own.contactUser ?? (takesPieces ? defaults.contactUser : undefined),
    contactUriParams: merged(takesPieces ? defaults.contactUriParams : undefined, own.contactUriParams),
    contactParams: merged(defaults.contactParams, own.contactParams),
    local: own.local ?? defaults.local,
    nat: own.nat ?? defaults.nat,
    outbound: own.outbound ?? defaults.outbound,
    instanceId: own.instanceId ?? defaults.instanceId,
    keepalive: merged(defaults.keepalive, own.keepalive),
    tls: merged(defaults.tls, own.tls),
    headers: merged(defaults.headers, own.headers),
    initialAuthorization: own.initialAuthorization ?? defaults.initialAuthorization,
    userAgent: own.userAgent ?? defaults.userAgent,
    retry: merged(defaults.retry, own.retry),
    answer: merged(defaults.answer, own.answer),
    acceptFrom: own.acceptFrom ?? defaults.acceptFrom,
    dns: merged(defaults.dns, own.dns),
    enabled: own.enabled ?? defaults.enabled,
  };
}

/** With every key of the schema: one that is forgotten does not compile. */
type WholeEntry = { readonly [Key in keyof AccountEntry]-?: AccountEntry[Key] };

function merged<T extends object>(defaults: T | undefined, own: T | undefined): T | undefined {
  return defaults === undefined || own === undefined ? (own ?? defaults) : { ...defaults, ...own };
}
