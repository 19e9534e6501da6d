// What an account does without a key. Such keys are left out of what a reader found, and written after all where the "defaults"
// of the accounts file say otherwise: the account is to register as, and where, it did before. Keys for which no value says
// "none" (realm, say) and what is policy (retry, answer …) are the defaults' to say.

import { unescape as unescapeUser } from '../../core/sip/uri.ts';
import { defaultRegistrar, uriOf } from '../plan.ts';
import type { AccountDefaults, AccountEntry } from '../schema.ts';

type Keys = { readonly [Key in keyof AccountEntry]?: AccountEntry[Key] | undefined };

export function withoutUsual(entry: AccountEntry): AccountEntry {
  const usual = usualKeys(entry);
  const isOwn = entry.registrar?.toLowerCase() === usual.registrar?.toLowerCase();
  const same: Keys = { ...usual, registrar: isOwn ? entry.registrar : undefined };
  return Object.fromEntries(
    Object.entries(entry).filter(([key, value]) => same[key as keyof AccountEntry] !== value),
  ) as AccountEntry;
}

/** With every key that it needs to be what it is without them. */
export function despiteDefaults(entry: AccountEntry, defaults: AccountDefaults | undefined): AccountEntry {
  if (defaults === undefined) return entry;
  const usual = usualKeys(entry);
  const needed: Keys = {
    ...usual,
    // There is no word for "none": the route is to the registrar itself.
    outboundProxy: entry.registrar ?? usual.registrar,
    contactUser: entry.contact === undefined ? usual.contactUser : undefined,
  };
  // A contact would take the place of its user.
  const others: Keys = { ...defaults, contactUser: defaults.contactUser ?? defaults.contact };
  const told = Object.entries(needed).filter(([name, value]) => {
    const key = name as keyof AccountDefaults;
    const other = others[key];
    return entry[key] === undefined && value !== undefined && other !== undefined && other !== value;
  });
  return { ...entry, ...Object.fromEntries(told) };
}

function usualKeys({ aor }: AccountEntry): Keys {
  const uri = uriOf(aor);
  const { scheme, host, port } = defaultRegistrar(uri);
  const user = uri.user === null ? undefined : unescapeUser(uri.user);
  return {
    from: aor,
    registrar: `${scheme}:${host}${port === null ? '' : `:${port}`}`,
    username: user,
    contactUser: user,
    expires: 3600,
    transport: 'auto',
    outbound: 'auto',
    enabled: true,
  };
}
