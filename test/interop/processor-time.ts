// What a process has had of the processors, and a clock that stands still while it stands in the queue for one. How busy the
// machine is with something else does not count in either, so a test may set limits to them.

import { readdirSync, readFileSync } from 'node:fs';

/** What the threads that it has now have computed since their start, in milliseconds. */
export function computedBy(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + scheduled(`/proc/${pid}/task/${thread}`).computed, 0);
}

/** Milliseconds, as performance.now() has them, without those in which the event loops of these processes could have run
 * and others did. */
export function unqueuedTime(pids: readonly number[]): number {
  return pids.reduce((now, pid) => now - scheduled(`/proc/${pid}`).queued, performance.now());
}

/** proc_pid_schedstat(5): both are told in nanoseconds. */
function scheduled(folder: string): { readonly computed: number; readonly queued: number } {
  const [computed = 0, queued = 0] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ').map(Number);
  return { computed: computed / 1e6, queued: queued / 1e6 };
}
