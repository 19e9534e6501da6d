// Issues of the schema library as problems that a person can correct. Its own texts repeat the value, which may be a
// password; these say only what was expected.

import type { DocumentPath, ShapeProblem } from './structure.ts';

/** As much of the library's issue as is looked at. */
export type Issue = {
  readonly type: string;
  readonly message: string;
  readonly expected: string | null;
  readonly path?: readonly { readonly key: unknown }[] | undefined;
  /** What each alternative of a union has to say. */
  readonly issues?: readonly Issue[] | undefined;
};

/** The library's message for an issue, without the value. */
export function describeIssue(issue: Pick<Issue, 'type' | 'expected'>): string {
  if (issue.type === 'strict_object' && issue.expected?.startsWith('"')) return 'is missing';
  switch (issue.type) {
    case 'strict_object':
    case 'record':
      return 'must be an object';
    case 'array':
      return 'must be a list';
    case 'boolean':
      return 'must be true or false';
    case 'picklist':
      return `must be one of ${(issue.expected ?? '').replace(/^\(|\)$/g, '').replaceAll(' | ', ', ')}`;
    default:
      return `must be a ${issue.expected ?? 'different value'}`;
  }
}

/** A problem for each issue; of a union's alternatives the one that got deepest into the value speaks. */
export function issueProblems(issue: Issue, above: DocumentPath): ShapeProblem[] {
  const path = [...above, ...(issue.path ?? []).map((item) => item.key as string | number)];
  const deeper = (issue.issues ?? []).filter((inner) => inner.path !== undefined);
  if (deeper.length > 0) return deeper.flatMap((inner) => issueProblems(inner, path));
  // Our own rules hand their hint over as `expected`.
  const hint = issue.type === 'raw_check' ? issue.expected : null;
  return [{ path, message: issue.message, hint, knownKeys: null }];
}

/** All problems, but for those that only repeat a structural one: below an unknown key, or a list in the place of an object. */
export function withoutRepeats(
  structural: readonly ShapeProblem[],
  issues: readonly ShapeProblem[],
): readonly ShapeProblem[] {
  const known = new Set(structural.map(({ path }) => JSON.stringify(path)));
  const isRepeat = ({ path }: ShapeProblem): boolean =>
    path.some((_step, at) => known.has(JSON.stringify(path.slice(0, at + 1))));
  return known.has('[]') ? structural : [...structural, ...issues.filter((issue) => !isRepeat(issue))];
}
