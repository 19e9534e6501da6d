// What is wrong with an accounts file, in words: where it is, what, and the nearest known key.

import type { DocumentPath } from './structure.ts';

/** One thing to correct. Line and column count from 1. */
export type ConfigProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** "accounts.office.registrar"; empty for the whole file. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
};

/** `file:line:column: accounts.office.registar: unknown key; did you mean "registrar"?` */
export function renderProblem({ file, line, column, path, message, hint }: ConfigProblem): string {
  const subject = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${subject}${message}${hint === null ? '' : `; ${hint}`}`;
}

/** "accounts.office.outboundProxy[1]"; names that are not plain words are quoted, long ones cut. */
export function renderPath(path: DocumentPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const word = step.slice(0, 80);
    const name = /^[\w+@$-]+$/.test(word) ? word : JSON.stringify(word);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** The hint for an unknown key: the nearest known one, else all that are known. */
export function suggestKey(unknown: string, known: readonly string[]): string {
  const nearest = nearestKey(unknown, known);
  if (nearest !== null) return `did you mean "${nearest}"?`;
  // The one key of an account that "defaults" does not take.
  return unknown === 'aor'
    ? 'each account has its own, as in {"accounts": {"office": {"aor": "sip:…"}}}'
    : `known here: ${known.join(', ')}`;
}

/** That `file` has no account of this name, and which one may be meant. */
export function unknownAccount(file: string, name: string, known: readonly string[]): string {
  const near = nearestKey(name, known);
  const hint =
    near !== null ? `did you mean "${near}"?` : `known: ${known.slice(0, 10).join(', ') || 'none'}`;
  return `${file} has no account "${name}"; ${hint}`;
}

/** The known key that is fewest edits away, if that is at most a third of its letters (and never more than 3). */
export function nearestKey(unknown: string, known: readonly string[]): string | null {
  const wanted = comparable(unknown);
  let nearest: string | null = null;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const key of known) {
    const limit = Math.min(3, Math.max(1, Math.floor(key.length / 3)));
    const distance = editDistance(wanted, comparable(key));
    if (distance <= limit && distance < nearestDistance) {
      nearest = key;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** Case and separators are what people most often get wrong: outbound_proxy, instanceID. */
function comparable(key: string): string {
  return key.slice(0, 64).replace(/[_-]/g, '').toLowerCase();
}

/** Letters to insert, delete, replace or swap with a neighbour (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      let best = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwap) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
