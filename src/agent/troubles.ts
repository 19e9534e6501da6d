// What is wrong with the agent itself, and not with an account: its state cannot be written, say, or the accounts file that
// it was told to read is wrong. `check`, `status` and notices go by this list, so that they agree.

import type { AgentSnapshot } from './operations.ts';

/** In words, one each; empty: nothing is wrong. */
export function troublesOf({
  problems,
  lastReload,
}: Pick<AgentSnapshot, 'problems' | 'lastReload'>): readonly string[] {
  if (lastReload === null || lastReload.ok) return problems;
  return [...problems, `the reload at ${lastReload.at} changed nothing: ${lastReload.text}`];
}
