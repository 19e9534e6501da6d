// What the registrar has bound, as a small table.

import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { durationText } from '../../core/health/words.ts';
import type { Theme } from '../colors.ts';

/** The bindings of one account, each in a line; ours is marked. */
export function bindingsTable(account: AccountSnapshot, theme: Theme): string {
  const { bindings, aor } = account;
  const count = bindings.length === 1 ? '1 binding' : `${bindings.length} bindings`;
  const head = `${theme.strong(account.account)}  ${aor}  ${bindings.length === 0 ? 'nothing is bound' : count}`;
  const width = Math.max(0, ...bindings.map((one) => one.uri.length));
  const rows = bindings.map(({ uri, expires, own }) => {
    const left = expires === null ? 'no time given' : `${durationText(expires)} left`;
    return `  ${own ? theme.good('*') : ' '} ${uri.padEnd(width)}  ${left}${own ? '  ours' : ''}`;
  });
  return [head, ...rows].join('\n');
}
