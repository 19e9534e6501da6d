// A new accounts file for a running agent (behaviour.md §24): everything is validated first, then only the difference
// is carried out. Unchanged accounts get no packet; changed ones register anew before anything old is removed; removed
// ones are un-registered with their own old identity.

import { renderProblem } from '../accounts/explain.ts';
import { type LoadedAccounts, loadAccounts } from '../accounts/load.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { Millis } from '../core/time.ts';
import type { PreparedAccount } from './account-setup.ts';
import { type AccountsDiff, diffAccounts, needsNewFlow } from './accounts-diff.ts';
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
  const told = await Promise.all([
    ...removed.map((name) => dropAccount(supervisor, name)),
    ...added.map((name) => addAccount(supervisor, name, entryOf(name), directory)),
    ...changed.map((name) => changeAccount(supervisor, name, entryOf(name), directory)),
  ]);
  return told.filter((text) => text !== null);
}

async function dropAccount(supervisor: Supervisor, name: string): Promise<string | null> {
  const account = supervisor.members().get(name)?.account ?? null;
  supervisor.remove(name);
  return account === null ? null : await dismiss(supervisor, account);
}

async function dismiss(supervisor: Supervisor, account: ManagedAccount): Promise<string | null> {
  const isRemoved = await supervisor.dismiss(account);
  return isRemoved
    ? null
    : `${account.setup.plan.account}: its old binding could not be removed; it stays until it ends`;
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
): Promise<string | null> {
  const member = supervisor.members().get(name);
  if (member === undefined) throw new Error(`the agent has ${name}`);
  const former = { entry: member.entry, account: member.account };
  member.entry = entry;
  if (entry.enabled === false) {
    member.account = null;
    return former.account === null ? null : await dismiss(supervisor, former.account);
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
  return await replace(supervisor, member, former.account, prepared);
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
  const outcome = firstOutcome(supervisor, member);
  if (prepared.credentials.ok) {
    const credentials = prepared.credentials.value;
    supervisor.engine.request(account, { type: 'reconfigured', plan, credentials, newFlow });
  } else {
    const failure = prepared.credentials.error;
    supervisor.engine.request(account, { type: 'roundPrevented', goal: 'register', failure });
  }
  return account.lifecycle.state === 'paused' ? null : await outcome;
}

/** Another AOR or registrar: the new one registers first, then the old one goes. */
async function replace(
  supervisor: Supervisor,
  member: Member,
  former: ManagedAccount,
  prepared: PreparedAccount,
): Promise<string | null> {
  supervisor.retire(former);
  supervisor.employ(member, prepared);
  const told = await firstOutcome(supervisor, member);
  const dismissed = await dismiss(supervisor, former);
  return [told, dismissed].filter((text) => text !== null).join('; ') || null;
}

/** What became of the first attempt, in words when it did not go well. */
async function firstOutcome(supervisor: Supervisor, member: Member): Promise<string | null> {
  if (member.account?.lifecycle.state === 'paused') return null;
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, OUTCOME_WITHIN_MS, `${member.name}: it is still under way`);
  });
  const attempt = async (): Promise<string | null> => {
    for (;;) {
      const outcome = await supervisor.nextOutcome(member);
      if (outcome?.type === 'failed') return `${member.name}: ${outcome.failure.cause}`;
      if (outcome !== null) return null;
    }
  };
  try {
    return await Promise.race([attempt(), patience]);
  } finally {
    clearTimeout(timer);
  }
}
