// The addresses of one server in the order in which they are tried (RFC 7984 §4): the families that this host can use,
// the better one first. Of RFC 6724 only the choice of the family is here; within one the order is DNS's own.

import type { Answers } from './question.ts';

export type ServerAddress = { readonly address: string; readonly type: 'A' | 'AAAA' };

/** `families`: those that this host has, best first. */
export function serverAddresses(
  host: string,
  answers: Answers,
  families: readonly (4 | 6)[],
): readonly ServerAddress[] {
  const all = [...recordsOf(host, 'AAAA', answers), ...recordsOf(host, 'A', answers)];
  const ofFamily = (family: 4 | 6): readonly ServerAddress[] =>
    all.filter((one) => familyOf(one) === family && !isLoopback(one));
  // Loopback is on every host, whatever its network is.
  return [...all.filter(isLoopback), ...families.flatMap(ofFamily)];
}

/** Whether DNS has addresses for the host, if only such as this host cannot use. */
export function hasAddresses(host: string, answers: Answers): boolean {
  return recordsOf(host, 'AAAA', answers).length + recordsOf(host, 'A', answers).length > 0;
}

function recordsOf(host: string, type: 'A' | 'AAAA', answers: Answers): readonly ServerAddress[] {
  const answer = answers[type].get(host);
  if (answer?.type !== 'records') return [];
  return answer.records.slice(0, MAX_RECORDS).map((address) => ({ address, type }));
}

function familyOf({ type }: ServerAddress): 4 | 6 {
  return type === 'A' ? 4 : 6;
}

function isLoopback({ address }: ServerAddress): boolean {
  return address === '::1' || address.startsWith('127.');
}

const MAX_RECORDS = 32;
