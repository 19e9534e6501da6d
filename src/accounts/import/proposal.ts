// What a reader would make of one entry, held against the rules of the accounts file: what is usual goes, what the
// file could not hold is left behind with a note, or leaves the whole entry out where the account would be another one.

import { inconsistencies } from '../consistency.ts';
import { type AccountEntry, checkBySchema } from '../schema.ts';
import { isRightAccount } from '../shape.ts';
import type { ForeignAccount, ImportReading, LeftOut } from './reading.ts';
import { withoutUsual } from './usual-keys.ts';

export type ProposedEntry = { readonly [Key in keyof AccountEntry]?: AccountEntry[Key] | undefined };

/** An account as a reader would have it; a key that is undefined is not there. */
export type Proposal = Omit<ForeignAccount, 'name' | 'entry'> & {
  /** null: it has none there, and goes by its AOR. */
  readonly name: string | null;
  /** What stands there, as of a LeftOut. */
  readonly what: string;
  readonly entry: ProposedEntry & Pick<AccountEntry, 'aor'>;
};

/** What a reader notes where it finds none; `there` is the place for it. */
export function noSecret(there: string): string {
  return `there is no ${there}: set "password" if the registrar wants one`;
}

/** The reading that `findings` make, in their order. */
export function readingOf(findings: readonly (Proposal | LeftOut)[]): ImportReading {
  const accounts: ForeignAccount[] = [];
  const leftOut: LeftOut[] = [];
  for (const finding of findings) {
    const judged = 'why' in finding ? finding : judge(finding);
    if ('why' in judged) leftOut.push(judged);
    else accounts.push(judged);
  }
  return { accounts, leftOut };
}

function judge(proposal: Proposal): ForeignAccount | LeftOut {
  const { path, line, what } = proposal;
  const name = proposal.name ?? proposal.entry.aor.replace(/^sips?:/, '');
  const written = Object.entries(proposal.entry).filter(([, value]) => value !== undefined);
  const problems = shapeProblems(Object.fromEntries(written));
  const essential = problems.find(({ key }) => ESSENTIAL_KEYS.has(key));
  if (essential !== undefined) {
    return { path, line, what, why: `what would be "${essential.key}" ${essential.message}` };
  }
  const bad = new Set(problems.map(({ key }) => key));
  const entry = withoutUsual(Object.fromEntries(written.filter(([key]) => !bad.has(key))) as AccountEntry);
  const [conflict] = inconsistencies(new Map([[name, entry]]));
  if (conflict !== undefined) {
    const key = conflict.path.slice(2).join('.');
    return { path, line, what, why: `${key === '' ? 'it' : `"${key}"`} ${conflict.message}` };
  }
  const leftBehind = problems.map(
    ({ key, message }) => `what would be "${key}" is left behind: it ${message}`,
  );
  return { name, path, line, entry, notes: [...proposal.notes, ...leftBehind] };
}

/** Each key that the schema does not let pass, once. */
function shapeProblems(entry: object): readonly { readonly key: string; readonly message: string }[] {
  if (isRightAccount(entry)) return [];
  const checked = checkBySchema({ accounts: { account: entry } });
  if (checked.ok) return [];
  const messages = new Map<string, string>();
  for (const { path, message } of checked.error) {
    const key = String(path[2] ?? 'aor');
    if (!messages.has(key)) messages.set(key, message);
  }
  return Array.from(messages, ([key, message]) => ({ key, message }));
}

/** Without these it would register somebody else, or elsewhere, or not at all. */
const ESSENTIAL_KEYS: ReadonlySet<string> = new Set([
  'aor',
  'from',
  'registrar',
  'outboundProxy',
  'username',
  'ha1',
  'contact',
]);
