// Which [auth_info_N] of linphonerc answer for an account: those of its user, of its domain if one names it, first of all
// that of its realm; several for one realm are HA1 values of several algorithms.

import type { AccountEntry } from '../schema.ts';
import type { LinphoneSection } from './linphonerc.ts';

/** Who asks for credentials; `realm` as [proxy_N] has it. */
type Identity = { readonly user: string; readonly domain: string; readonly realm: string };

type Secret = Pick<NonNullable<AccountEntry['credentials']>[number], 'password' | 'ha1'>;
type CredentialKeys = Pick<Partial<AccountEntry>, 'username' | 'realm' | 'password' | 'ha1' | 'credentials'>;

/** More than the servers of one user ask for; every account of that user goes through them. */
const MAX_OF_USER = 64;

/** [auth_info_N] by their user names. */
export function credentialsByUser(
  sections: readonly LinphoneSection[],
): ReadonlyMap<string, readonly LinphoneSection[]> {
  const byUser = new Map<string, LinphoneSection[]>();
  for (const section of sections) {
    const user = section.values.get('username') ?? '';
    const same = byUser.get(user);
    if (same === undefined) byUser.set(user, [section]);
    else if (same.length < MAX_OF_USER) same.push(section);
  }
  return byUser;
}

/** `own` are the credentials of the identity's user. */
export function credentialsOf(
  identity: Identity,
  own: readonly LinphoneSection[],
): readonly LinphoneSection[] {
  const isOfDomain = ({ values }: LinphoneSection): boolean =>
    (values.get('domain') ?? identity.domain).toLowerCase() === identity.domain.toLowerCase();
  const matching = own.some(isOfDomain) ? own.filter(isOfDomain) : own;
  const rank = ({ values }: LinphoneSection): number => {
    const realm = realmIn(values);
    if (realm === undefined) return 2;
    return realm === identity.realm ? 0 : realm.toLowerCase() === identity.domain.toLowerCase() ? 1 : 3;
  };
  return [...matching].sort((a, b) => rank(a) - rank(b));
}

/** The first realm's credentials are the account's own, those of the others rows beside them. */
export function credentialKeys(sections: readonly LinphoneSection[]): CredentialKeys {
  const byRealm = new Map<string | undefined, LinphoneSection[]>();
  for (const section of sections) {
    const realm = realmIn(section.values);
    byRealm.set(realm, [...(byRealm.get(realm) ?? []), section]);
  }
  const rows = Array.from(byRealm, ([realm, same]) => ({
    ...(realm !== undefined && { realm }),
    username: loginOf(same[0]),
    ...secretOf(same),
  })).filter(({ password, ha1 }) => password !== undefined || ha1 !== undefined);
  const [own, ...others] = rows;
  return { ...own, ...(others.length > 0 && { credentials: others }) };
}

/** Older versions wrote it with the quotes of the challenge. */
export function realmIn(values: LinphoneSection['values']): string | undefined {
  return values.get('realm')?.replace(/^"([^"]*)"?$/, '$1');
}

/** "userid" is the name for digest where it is not that of the account. */
function loginOf(section: LinphoneSection | undefined): string {
  return section?.values.get('userid') ?? section?.values.get('username') ?? '';
}

function secretOf(sections: readonly LinphoneSection[]): Secret {
  const password = sections.find(({ values }) => values.has('passwd'))?.values.get('passwd');
  if (password !== undefined) return { password };
  const byAlgorithm = sections.flatMap(({ values }) => {
    const ha1 = values.get('ha1');
    return ha1 === undefined ? [] : [[values.get('algorithm') ?? 'MD5', ha1] as const];
  });
  return byAlgorithm.length === 0 ? {} : { ha1: Object.fromEntries(byAlgorithm) };
}
