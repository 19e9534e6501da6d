// Network namespaces, which stand for other hosts in tests; they take root and iproute2. Names and addresses should differ from
// run to run: the kernel takes a namespace apart at its leisure.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/setup.mjs';
import { SEARCH_PATH } from './child-group.ts';
import type { Home } from './command.ts';

const ENVIRONMENT = { PATH: SEARCH_PATH };

/** '' where namespaces can be made (and packets filtered), else a sentence for the name of a skipped test. */
export function namespaceObstacle(needed: 'ip' | 'ip and nft'): string {
  const hasIp = process.getuid?.() === 0 && works('ip', 'netns', 'list');
  if (needed === 'ip')
    return hasIp ? '' : ' (skipped: it takes root and iproute2 to make network namespaces)';
  return hasIp && works('nft', 'list', 'ruleset') ? '' : ' (skipped: it takes root, iproute2 and nftables)';
}

/** Runs `ip ARGS`; throws with what it complains of. */
export function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], env: ENVIRONMENT });
}

/** Whether the command runs and ends well. */
export function works(program: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore', env: ENVIRONMENT });
    return true;
  } catch {
    return false; // it is not here, or not allowed: the caller says what follows
  }
}

/** Starts `sipreg ARGS` in a namespace; what it says on stderr, the agent's log, is lost unless it is `heard`. */
export function startSipregIn(
  namespace: string,
  home: Home,
  args: readonly string[],
  heard?: (text: string) => void,
): ChildProcess {
  const sipreg = [process.execPath, join(projectRoot, 'bin/sipreg.js')];
  const child = spawn('ip', ['netns', 'exec', namespace, ...sipreg, ...args], {
    env: { ...ENVIRONMENT, ...home.environment },
    stdio: ['ignore', 'ignore', heard === undefined ? 'ignore' : 'pipe'],
  });
  child.stderr?.setEncoding('utf8').on('data', heard ?? (() => {}));
  return child;
}
