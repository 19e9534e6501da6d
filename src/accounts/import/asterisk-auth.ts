// `type = auth` of Asterisk's pjsip.conf: the credentials of an account, for one realm or for any.

import { DIGEST_ALGORITHMS } from '../../core/digest/algorithm.ts';
import { type Section, settingIn, settingsIn } from './asterisk-config.ts';
import type { FoundKeys } from './asterisk-transport.ts';
import type { ProposedEntry } from './proposal.ts';

type Credential = NonNullable<ProposedEntry['credentials']>[number];

/** The sections that `outbound_auth` names, in order; null: there is none of that name. `login`: the user without one. */
export function authKeys(
  auths: readonly { readonly name: string; readonly section: Section | null }[],
  login: string,
): FoundKeys {
  const notes: string[] = [];
  const credentials: Credential[] = [];
  for (const { name, section } of auths) {
    const credential = section === null ? null : credentialOf(section, login);
    if (section === null) {
      notes.push(`outbound_auth = ${name} is not in what was read: the account has no password of it`);
    } else if (credential === null) {
      notes.push(`[${name}] has no password that sipreg can use`);
    } else if (credentials.some(({ realm }) => realm === credential.realm)) {
      notes.push(`[${name}] is left behind: another is for the same realm`);
    } else {
      credentials.push(credential);
    }
  }
  const [own, ...others] = credentials;
  return { keys: { ...own, ...(others.length > 0 && { credentials: others }) }, notes };
}

function credentialOf(section: Section, login: string): Credential | null {
  const secret = secretOf(section);
  if (secret === null) return null;
  const realm = settingIn(section, 'realm') ?? '';
  const username = settingIn(section, 'username') || login;
  return { ...(realm !== '' && realm !== '*' && { realm }), username, ...secret };
}

function secretOf(section: Section): Pick<Credential, 'password' | 'ha1'> | null {
  const type = (settingIn(section, 'auth_type') || 'userpass').toLowerCase();
  if (!['userpass', 'md5', 'digest'].includes(type)) return null;
  const password = settingIn(section, 'password');
  if (password && type !== 'md5') return { password };
  const digests = settingsIn(section, 'password_digest').flatMap(({ value }) => digestOf(value));
  const md5 = settingIn(section, 'md5_cred');
  const ha1 = Object.fromEntries([...(md5 ? [['MD5', md5] as const] : []), ...digests]);
  return Object.keys(ha1).length === 0 ? null : { ha1 };
}

/** `SHA-256:HA1`. */
function digestOf(value: string): readonly (readonly [string, string])[] {
  const [algorithm = '', digest = ''] = value.split(':');
  const name = algorithm.trim().toUpperCase();
  return DIGEST_ALGORITHMS.some((known) => known === name) ? [[name, digest.trim()]] : [];
}
