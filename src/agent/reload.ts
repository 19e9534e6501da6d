// A new accounts file for a running agent (behaviour.md §24): everything is validated first, then only the difference
// is carried out. Unchanged accounts get no packet; changed ones register anew before anything old is removed; removed
// ones are un-registered with their own old identity.

import { entryOf } from '../accounts/defaults.ts';
import { renderProblem } from '../accounts/explain.ts';
import { type LoadedAccounts, loadAccounts } from '../accounts/load.ts';
import type { AccountEntry } from '../accounts/schema.ts';
import type { Failure } from '../core/health/verdict.ts';
import { flowPlans, type Plan } from '../core/registration/plan.ts';
import { sameUriText } from '../core/sip/uri-compare.ts';
import type { Millis } from '../core/time.ts';
import type { Memory } from '../state/identity-store.ts';
import { type AccountsDiff, diffAccounts, needsNewFlow } from './accounts-diff.ts';
import { registrarOf } from './admission.ts';
import type { ReloadReport } from './events.ts';
import { flowAfterFlow } from './flow-after-flow.ts';
import { rememberAddresses, writtenAddresses } from './incoming/answerable.ts';
import type { PreparedAccount } from './managed-registration.ts';
import {
  currentPlan,
  identityKey,
  type ManagedRegistration,
  type Member,
  nameOf,
  type Registrations,
} from './managed-registration.ts';
import { describeAccount } from './one-shot.ts';
import type { ReloadOutcome } from './operations.ts';
import type { Supervisor } from './supervisor.ts';

/** How long a reload waits for the first outcomes; what takes longer goes on by itself. */
const OUTCOME_WITHIN_MS: Millis = 40_000;

export type Reloaded = { readonly outcome: ReloadOutcome; readonly loaded: LoadedAccounts };

/** Loads the file again and carries the difference out; an invalid one changes nothing. `started`: the agent's own settings
 * are those of the file that it was started with. */
export async function reload(
  supervisor: Supervisor,
  before: LoadedAccounts,
  started = before,
): Promise<Reloaded> {
  const read = await loadAccounts(before.path);
  if (!read.ok) {
    return { outcome: { ok: false, problems: read.error.problems.map(renderProblem) }, loaded: before };
  }
  const after = read.value;
  const diff = diffAccounts(before.accounts, after.accounts, (name) => supervisor.isWanted(name));
  const warnings = [...after.warnings, ...(await carryOut(supervisor, diff, before, after))];
  if (JSON.stringify(started.document().agent) !== JSON.stringify(after.document().agent)) {
    warnings.push('the settings of "agent" have changed: they take effect at the next start');
  }
  supervisor.members.reorder(after.accounts.keys());
  const { added, removed, changed, unchanged } = diff;
  const report = { added, removed, changed, unchanged: unchanged.length };
  return { outcome: { ok: true, report, warnings }, loaded: after };
}

async function carryOut(
  supervisor: Supervisor,
  { added, removed, changed }: AccountsDiff,
  before: LoadedAccounts,
  { accounts, directory }: LoadedAccounts,
): Promise<readonly string[]> {
  const former: ManagedRegistration[] = [];
  const retire = (flows: Registrations | null): void => {
    for (const flow of flows ?? []) {
      supervisor.retire(flow);
      former.push(flow);
    }
  };
  for (const name of removed) {
    retire(supervisor.members.byName.get(name)?.flows ?? null);
    supervisor.members.remove(name);
  }
  const source = { directory, memory: supervisor.store.remembered() };
  const begun = await Promise.all([
    ...added.map((name) => addAccount(supervisor, name, entryOf(accounts, name), source)),
    ...changed.map((name) => {
      const entries = { former: entryOf(before.accounts, name), entry: entryOf(accounts, name) };
      return changeAccount(supervisor, name, entries, source, retire);
    }),
  ]);
  // Only now: an account that got another name must be bound before its old binding is looked at.
  const ended = await Promise.all(former.map((account) => dismiss(supervisor, account)));
  return [...begun, ...ended].filter((text) => text !== null);
}

async function dismiss(supervisor: Supervisor, account: ManagedRegistration): Promise<string | null> {
  const isRemoved = await supervisor.dismiss(account, hasSuccessor(supervisor, account));
  return isRemoved
    ? null
    : `${nameOf(account)}: its old binding could not be removed; it stays until it ends`;
}

/** Whether what the account has bound is also what one of the members has bound: removing it would take theirs away. */
function hasSuccessor(supervisor: Supervisor, former: ManagedRegistration): boolean {
  return [...supervisor.members.byName.values()].some(
    ({ flows }) => flows?.some((flow) => bindsTheSame(flow, former)) === true,
  );
}

function bindsTheSame(one: ManagedRegistration, other: ManagedRegistration): boolean {
  return (
    isSameUri(boundContactOf(one), boundContactOf(other)) &&
    isSameUri(currentPlan(one).aor, currentPlan(other).aor) &&
    isSamePlace(one, other)
  );
}

function isSameUri(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && sameUriText(one, other);
}

function boundContactOf({ lifecycle }: ManagedRegistration): string | null {
  return lifecycle.registration.boundContact;
}

/** The same registrar, however it is spelled. */
function isSamePlace(one: ManagedRegistration, other: ManagedRegistration): boolean {
  const [mine, theirs] = [one.lifecycle.registration.target, other.lifecycle.registration.target];
  if (mine === null || theirs === null) return registrarOf(one) === registrarOf(other);
  return mine.address === theirs.address && mine.port === theirs.port;
}

/** Where the secrets of the accounts are, and what is remembered of all. */
type Source = { readonly directory: string; readonly memory: Memory };

async function addAccount(
  supervisor: Supervisor,
  name: string,
  entry: AccountEntry,
  { directory, memory }: Source,
): Promise<string | null> {
  const member = await supervisor.admitMember(name, entry, directory, memory);
  return member.flows === null ? null : await firstOutcome(supervisor, member);
}

async function changeAccount(
  supervisor: Supervisor,
  name: string,
  { former, entry }: { readonly former: AccountEntry; readonly entry: AccountEntry },
  { directory, memory }: Source,
  retire: (flows: Registrations | null) => void,
): Promise<string | null> {
  const member = supervisor.members.byName.get(name);
  if (member === undefined) throw new Error(`the agent has ${name}`);
  const { flows } = member;
  if (flows === null) member.entry = entry;
  if (entry.enabled === false) {
    member.disable(entry);
    retire(flows);
    return null;
  }
  const prepared = await supervisor.prepare(name, entry, directory, memory);
  if (flows === null) {
    supervisor.employ(member, prepared);
    return await firstOutcome(supervisor, member);
  }
  if (isSameIdentity(flows, prepared.plan)) {
    const newFlow = needsNewFlow(former, entry);
    const begun = flowAfterFlow(flows, (flow, rejected) =>
      reconfigure(supervisor, flow, prepared, { newFlow, rejected }),
    );
    return await firstOutcome(supervisor, member, begun);
  }
  // Another AOR, registrar or number of flows: the new one registers first, then the old one goes.
  retire(flows);
  supervisor.employ(member, prepared);
  return await firstOutcome(supervisor, member);
}

function isSameIdentity(flows: Registrations, plan: Plan): boolean {
  const isSameKey = JSON.stringify(identityKey(plan)) === JSON.stringify(identityKey(currentPlan(flows[0])));
  return isSameKey && flowPlans(plan).length === flows.length;
}

/** The same registration with other settings: its REGISTER replaces what is bound. Resolves with its end. */
async function reconfigure(
  supervisor: Supervisor,
  account: ManagedRegistration,
  prepared: PreparedAccount,
  { newFlow, rejected }: { readonly newFlow: boolean; readonly rejected: Failure | null },
): Promise<void> {
  while (account.lifecycle.round !== null) await supervisor.nextOutcome(account);
  const plan = flowPlans(prepared.plan)[account.regId - 1];
  if (plan === undefined) throw new Error('an account that is reconfigured has as many flows as before');
  account.setup = prepared.setup;
  const written = [...writtenAddresses(plan.profile)].map((address) => ({ address }));
  account.addresses = rememberAddresses(account.addresses, written);
  supervisor.engine.reconfigured(account);
  const { credentials } = prepared;
  const obstacle = credentials.ok ? rejected : credentials.error;
  supervisor.engine.request(account, {
    type: 'reconfigured',
    plan,
    newFlow,
    credentials: credentials.ok ? credentials.value : [],
    ...(obstacle !== null && { obstacle }),
  });
  if (account.lifecycle.round !== null) await supervisor.nextOutcome(account);
}

/** What became of the first attempt, in words when it did not go well. `begun`: then every flow has at least begun. */
async function firstOutcome(
  supervisor: Supervisor,
  member: Member,
  begun: Promise<unknown> = Promise.resolve(),
): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, OUTCOME_WITHIN_MS, `${member.name}: it is still under way`);
  });
  const attempt = async (): Promise<string | null> => {
    await begun;
    for (let flow = underWay(member); flow !== undefined; flow = underWay(member)) {
      await supervisor.nextOutcome(flow);
    }
    return trouble(member);
  };
  try {
    return await Promise.race([attempt(), patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** A flow whose first REGISTER is still to come, or has no answer yet. */
function underWay({ flows }: Member): ManagedRegistration | undefined {
  return flows?.find(({ isConcluded, lifecycle: { round, state, stop } }) => {
    return !isConcluded && (round !== null || (state === 'unregistered' && stop === null));
  });
}

/** Why it is not registered; null when it is, or is not meant to be. */
function trouble({ name, flows }: Member): string | null {
  if (flows === null) return null;
  const { state, failure } = describeAccount(flows);
  if (state !== 'waiting' && state !== 'blocked') return null;
  const cause = failure?.cause ?? 'its credentials were rejected, and are still the same';
  return state === 'blocked' ? `${name}: blocked: ${cause}` : `${name}: ${cause}`;
}

/** The report in a line. */
export function reloadText(report: ReloadReport): string {
  const parts = [
    ['added', report.added],
    ['removed', report.removed],
    ['changed', report.changed],
  ] as const;
  const told = parts
    .filter(([, names]) => names.length > 0)
    .map(([verb, names]) => `${verb} ${names.join(', ')}`);
  return [...told, `${report.unchanged} unchanged`].join('; ');
}
