// Programs that we start with `detached`: each leads a process group of its own, and can be ended together with everything
// that it has started.

import type { ChildProcess } from 'node:child_process';

/** Ends the group of `leader` and does not wait for its end: what it has started may hold the pipes, which are closed here. */
export function endGroup(leader: ChildProcess): void {
  killGroup(leader.pid);
  closePipes(leader);
}

/** What it has printed is not read any more: `close` follows its end, whoever else holds the pipes. */
export function closePipes(leader: ChildProcess): void {
  leader.stdout?.destroy();
  leader.stderr?.destroy();
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // All have ended in between, or they became another user's (sudo) and are out of our reach.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
