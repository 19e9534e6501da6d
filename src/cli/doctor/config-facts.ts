// The first facts of `sipreg doctor`: where the account is configured, where its secrets are, and how its TLS files stand.
// No secret is ever part of a fact, only its place.

import { stat } from 'node:fs/promises';
import { textAtGlance } from '../../accounts/glance.ts';
import type { LoadedAccounts } from '../../accounts/load.ts';
import type { CredentialSource } from '../../accounts/plan.ts';
import type { AccountEntry } from '../../accounts/schema.ts';
import { placeOf } from '../../accounts/secrets.ts';
import type { PreparedAccount } from '../../agent/managed-registration.ts';
import { checkTlsFiles } from '../../agent/tls-files-check.ts';
import { failureOf } from '../../core/health/verdict.ts';
import type { TextSource } from '../../core/text-source.ts';
import { type Fact, fail, ok, warn } from './fact.ts';

/** Where account `name` is configured. */
export async function configFacts(loaded: LoadedAccounts, name: string): Promise<readonly Fact[]> {
  const facts = [...(await placeFacts(loaded, name))];
  if (loaded.accounts.get(name)?.enabled === false) {
    const advice = 'set "enabled" to true, or leave it out, and "sipreg reload"';
    facts.push(warn('config.enabled', '"enabled" is false: nobody registers the account', advice));
  }
  return facts;
}

async function placeFacts({ path, document }: LoadedAccounts, name: string): Promise<readonly Fact[]> {
  // What comes through a pipe cannot be read a second time.
  const text = textAtGlance(path);
  if (text === null) return [ok('config.file', path)];
  const { sourceMapOf } = await import('../../accounts/source-positions.ts');
  const { positionOf } = sourceMapOf(text);
  const file = ok('config.file', `${path}:${positionOf(['accounts', name]).line}`);
  const { accounts, defaults = {} } = document();
  const own = accounts[name] ?? {};
  const inherited = Object.keys(defaults).filter((key) => !(key in own));
  if (inherited.length === 0) return [file];
  const place = `"defaults" in line ${positionOf(['defaults']).line}`;
  return [file, ok('config.defaults', `${inherited.join(', ')} from ${place}`)];
}

/** What the file, or the account, says that should be put right. */
export function configWarnings(warnings: readonly string[]): readonly Fact[] {
  return warnings.map((text) => warn('config.warning', text, null));
}

/** One fact for each source, and the failure of the first that cannot be read. */
export async function secretFacts({ sources, credentials }: PreparedAccount): Promise<readonly Fact[]> {
  if (!credentials.ok) return [fail('secret.source', credentials.error)];
  if (sources.length === 0) {
    return [ok('secret.source', 'none is configured: the account has no credentials')];
  }
  const facts = sources.map(async ({ username, realm, secret }) => {
    const places = await Promise.all(sourcesOf(secret).map(placeText));
    const whose = `${secret.type === 'password' ? 'password' : 'HA1'} of ${username || '(no user name)'}`;
    const where = realm === null ? '' : ` for realm "${realm}"`;
    return ok('secret.source', `${whose}${where} from ${[...new Set(places)].join(', ')}, readable`);
  });
  return await Promise.all(facts);
}

/** The account's own certificate, key and CA; no fact without any. */
export async function tlsFileFacts(
  entry: AccountEntry,
  name: string,
  directory: string,
): Promise<readonly Fact[]> {
  const { ca, cert, key } = entry.tls ?? {};
  const files = [ca, cert, key].filter((file) => file !== undefined);
  if (files.length === 0) return [];
  const findings = await checkTlsFiles(new Map([[name, entry]]), directory);
  const facts = findings.map(({ kind, text, advice }) => {
    if (kind === 'warning') return warn('tls.files', text, advice);
    return fail('tls.files', failureOf('tls.own-material', text, advice === null ? {} : { advice }));
  });
  return facts.length > 0 ? facts : [ok('tls.files', `${files.join(', ')}: readable and in order`)];
}

function sourcesOf(secret: CredentialSource['secret']): readonly TextSource[] {
  return secret.type === 'ha1-by-algorithm' ? Object.values(secret.sources) : [secret.source];
}

async function placeText(source: TextSource): Promise<string> {
  if (source.type === 'literal') return 'the accounts file itself';
  if (source.type !== 'file') return placeOf(source);
  const { mode } = await stat(source.path);
  return `${placeOf(source)} (${(mode & 0o777).toString(8).padStart(4, '0')})`;
}
