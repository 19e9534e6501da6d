// Whether the control socket is still there. Somebody removes it sooner or later: a cleaner of old files, or the end of a
// login session, with which the runtime directory goes. The agent lives on then, and nobody could ask it anything.

import { lstatSync } from 'node:fs';
import { messageOf } from '../../core/thrown.ts';
import type { Millis } from '../../core/time.ts';

export type SocketWatchOptions = {
  readonly paths: readonly string[];
  readonly everyMs: Millis;
  /** Makes those that are gone again; null when that was done, else why it cannot be. */
  readonly restore: (gone: readonly string[]) => Promise<string | null>;
  readonly notify: (text: string) => void;
};

export type SocketWatch = {
  /** Resolves when nothing is being made any more. */
  readonly stop: () => Promise<void>;
};

/** Looks after the sockets as they are now, until `stop`; keeps no process alive. */
export function watchSockets({ paths, everyMs, restore, notify }: SocketWatchOptions): SocketWatch {
  const ours = new Map(paths.map((path) => [path, fileAt(path)]));
  let restoring: Promise<void> | null = null;
  let told: string | null = null;
  const mend = async (gone: readonly string[]): Promise<void> => {
    // Whatever the file system comes up with: it must not end the agent.
    const problem = await restore(gone).catch(messageOf);
    const names = gone.join(' and ');
    if (problem === null) {
      for (const path of gone) ours.set(path, fileAt(path));
      notify(`the control socket ${names} was gone, and has been made again`);
    } else if (problem !== told) notify(`the control socket ${names} is gone: ${problem}`);
    told = problem;
  };
  const look = (): void => {
    const gone = paths.filter((path) => fileAt(path) === null || fileAt(path) !== ours.get(path));
    if (gone.length === 0 || restoring !== null) return;
    restoring = mend(gone).finally(() => {
      restoring = null;
    });
  };
  const timer = setInterval(look, everyMs).unref();
  return {
    stop: async () => {
      clearInterval(timer);
      await restoring;
    },
  };
}

/** Which socket stands there, by device and number; null: none. */
function fileAt(path: string): string | null {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found?.isSocket() === true ? `${found.dev}:${found.ino}` : null;
  } catch {
    // A directory on the way that may not be read any more: as good as gone.
    return null;
  }
}
