// A new accounts file for a running agent (behaviour.md §24): everything is validated first, then only the difference
// is carried out. Unchanged accounts get no packet; changed ones register anew before anything old is removed; removed
// ones are un-registered with their own old identity.

import { renderProblem } from '../accounts/explain.ts';
import { type LoadedAccounts, loadAccounts } from '../accounts/load.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import { boundUri } from '../core/registration/contact.ts';
import { sameUri } from '../core/sip/uri-compare.ts';
import type { Millis } from '../core/time.ts';
import type { PreparedAccount } from './account-setup.ts';
import { type AccountsDiff, diffAccounts, needsNewFlow } from './accounts-diff.ts';
import { registrarOf } from './admission.ts';
import { identityKey, type ManagedAccount } from './managed-account.ts';
import type { Member } from './member.ts';
import type { ReloadOutcome } from './operations.ts';
import type { Supervisor } from './supervisor.ts';

/** How long a reload waits for the first outcomes; what takes longer goes on by itself. */
const OUTCOME_WITHIN_MS: Millis = 40_000;

export type Reloaded = { readonly outcome: ReloadOutcome; readonly loaded: LoadedAccounts };

/** Loads the file again and carries the difference out; an invalid one changes nothing. */
export async function reload(supervisor: Supervisor, before: LoadedAccounts): Promise<Reloaded> {
  const read = await loadAccounts(before.path);
  if (!read.ok) {
    return { outcome: { ok: false, problems: read.error.problems.map(renderProblem) }, loaded: before };
  }
  const after = read.value;
  const wanted = ([name]: [string, AccountEntry]): boolean => supervisor.isWanted(name);
  const entries = new Map([...after.accounts].filter(wanted));
  const diff = diffAccounts(new Map([...before.accounts].filter(wanted)), entries);
  const warnings = [...after.warnings, ...(await carryOut(supervisor, diff, entries, after.directory))];
  if (JSON.stringify(before.document.agent) !== JSON.stringify(after.document.agent)) {
    warnings.push('the settings of "agent" have changed: they take effect at the next start');
  }
  supervisor.reorder(entries.keys());
  const { added, removed, changed, unchanged } = diff;
  const report = { added, removed, changed, unchanged: unchanged.length };
  return { outcome: { ok: true, report, warnings }, loaded: after };
}

async function carryOut(
  supervisor: Supervisor,
  { added, removed, changed }: AccountsDiff,
  entries: ReadonlyMap<string, AccountEntry>,
  directory: string,
): Promise<readonly string[]> {
  const entryOf = (name: string): AccountEntry => {
    const entry = entries.get(name);
    if (entry === undefined) throw new Error(`the new file has ${name}`);
    return entry;
  };
  const former: ManagedAccount[] = [];
  const retire = (account: ManagedAccount | null): void => {
    if (account === null) return;
    supervisor.retire(account);
    former.push(account);
  };
  for (const name of removed) {
    retire(supervisor.members().get(name)?.account ?? null);
    supervisor.remove(name);
  }
  const begun = await Promise.all([
    ...added.map((name) => addAccount(supervisor, name, entryOf(name), directory)),
    ...changed.map((name) => changeAccount(supervisor, name, entryOf(name), directory, retire)),
  ]);
  // Only now: an account that got another name must be bound before its old binding is looked at.
  const ended = await Promise.all(former.map((account) => dismiss(supervisor, account)));
  return [...begun, ...ended].filter((text) => text !== null);
}

async function dismiss(supervisor: Supervisor, account: ManagedAccount): Promise<string | null> {
  const isRemoved = await supervisor.dismiss(account, hasSuccessor(supervisor, account));
  return isRemoved
    ? null
    : `${account.setup.plan.account}: its old binding could not be removed; it stays until it ends`;
}

/** Whether what the account has bound is also what one of the members has bound: removing it would take theirs away. */
function hasSuccessor(supervisor: Supervisor, former: ManagedAccount): boolean {
  return [...supervisor.members().values()].some(
    ({ account }) => account !== null && bindsTheSame(account, former),
  );
}

function bindsTheSame(one: ManagedAccount, other: ManagedAccount): boolean {
  const [mine, theirs] = [boundUri(boundContactOf(one)), boundUri(boundContactOf(other))];
  return (
    mine !== null &&
    theirs !== null &&
    sameUri(mine, theirs) &&
    sameUri(one.setup.plan.aor, other.setup.plan.aor) &&
    isSamePlace(one, other)
  );
}

function boundContactOf({ lifecycle }: ManagedAccount): string | null {
  return lifecycle.registration.boundContact;
}

/** The same registrar, however it is spelled. */
function isSamePlace(one: ManagedAccount, other: ManagedAccount): boolean {
  const [mine, theirs] = [one.lifecycle.registration.target, other.lifecycle.registration.target];
  if (mine === null || theirs === null) return registrarOf(one) === registrarOf(other);
  return mine.address === theirs.address && mine.port === theirs.port;
}

async function addAccount(
  supervisor: Supervisor,
  name: string,
  entry: AccountEntry,
  directory: string,
): Promise<string | null> {
  const member = await supervisor.admitMember(name, entry, directory);
  return member.account === null ? null : await firstOutcome(supervisor, member);
}

async function changeAccount(
  supervisor: Supervisor,
  name: string,
  entry: AccountEntry,
  directory: string,
  retire: (account: ManagedAccount | null) => void,
): Promise<string | null> {
  const member = supervisor.members().get(name);
  if (member === undefined) throw new Error(`the agent has ${name}`);
  const former = { entry: member.entry, account: member.account };
  member.entry = entry;
  if (entry.enabled === false) {
    member.account = null;
    retire(former.account);
    return null;
  }
  const prepared = await supervisor.prepare(name, entry, directory);
  if (former.account === null) {
    supervisor.employ(member, prepared);
    return await firstOutcome(supervisor, member);
  }
  const isSameIdentity =
    JSON.stringify(identityKey(prepared.setup.plan)) === JSON.stringify(former.account.key);
  if (isSameIdentity) {
    return await reconfigure(supervisor, member, former.account, prepared, needsNewFlow(former.entry, entry));
  }
  // Another AOR or registrar: the new one registers first, then the old one goes.
  retire(former.account);
  supervisor.employ(member, prepared);
  return await firstOutcome(supervisor, member);
}

/** The same registration with other settings: its REGISTER replaces what is bound. */
async function reconfigure(
  supervisor: Supervisor,
  member: Member,
  account: ManagedAccount,
  prepared: PreparedAccount,
  newFlow: boolean,
): Promise<string | null> {
  while (account.lifecycle.round !== null) await supervisor.nextOutcome(member);
  account.setup = prepared.setup;
  const { plan } = prepared.setup;
  const settings = prepared.credentials.ok
    ? { credentials: prepared.credentials.value }
    : { credentials: [], obstacle: prepared.credentials.error };
  supervisor.engine.request(account, { type: 'reconfigured', plan, newFlow, ...settings });
  return await firstOutcome(supervisor, member);
}

/** What became of the first attempt, in words when it did not go well. */
async function firstOutcome(supervisor: Supervisor, member: Member): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, OUTCOME_WITHIN_MS, `${member.name}: it is still under way`);
  });
  const attempt = async (): Promise<string | null> => {
    while (isUnderWay(member)) await supervisor.nextOutcome(member);
    return trouble(member);
  };
  try {
    return await Promise.race([attempt(), patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Its first REGISTER is still to come, or has no answer yet. */
function isUnderWay({ account }: Member): boolean {
  if (account === null || account.isConcluded) return false;
  const { round, state, stop } = account.lifecycle;
  return round !== null || (state === 'unregistered' && stop === null);
}

/** Why it is not registered; null when it is, or is not meant to be. */
function trouble({ name, account }: Member): string | null {
  if (account === null) return null;
  const { state, failure } = account.lifecycle;
  if (state !== 'waiting' && state !== 'blocked') return null;
  const cause = failure?.failure.cause ?? 'its credentials were rejected, and are still the same';
  return state === 'blocked' ? `${name}: blocked: ${cause}` : `${name}: ${cause}`;
}
