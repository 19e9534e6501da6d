// Tells the service manager how this service does (sd_notify(3)). Node has no datagram sockets of the Unix family, so
// systemd-notify(1) carries each message: one process at a time, and what comes meanwhile goes with the next one.

import { printableUpTo } from '../../core/health/evidence.ts';
import type { Millis } from '../../core/time.ts';

/** Variables of one message: READY, STATUS, WATCHDOG, … */
export type Assignments = Readonly<Record<string, string>>;

export type NotifySocket = {
  /** Never waits: the message leaves when the ones before it have left. */
  readonly send: (assignments: Assignments) => void;
  /** What is still to be sent leaves, within CLOSE_WITHIN_MS. */
  readonly close: () => Promise<void>;
};

export type NotifySocketOptions = {
  /** $NOTIFY_SOCKET. */
  readonly path: string;
  /** $PATH, where systemd-notify is looked for. */
  readonly searchPath: string | undefined;
  /** Told once for each time that messages stop to arrive. */
  readonly warn: (text: string) => void;
};

/** systemd-notify itself waits up to 5 s until its message is read, so that the manager still sees whose it is. */
const MESSAGE_WITHIN_MS: Millis = 10_000;
const CLOSE_WITHIN_MS: Millis = 3_000;
/** Messages that wait; what comes then is joined to the last one. */
const MAX_WAITING = 8;
/** The manager goes from one of these states to the next: two of them are two messages. */
const TURNS: readonly string[] = ['READY', 'RELOADING', 'STOPPING'];
const MISSING =
  'NOTIFY_SOCKET is set, but there is no systemd-notify here: the service manager hears nothing, so its unit must be Type=exec without WatchdogSec= (Debian: apt-get install systemd)';

export function createNotifySocket({ path, searchPath, warn }: NotifySocketOptions): NotifySocket {
  let waiting: Map<string, string>[] = [];
  let isMissing = false;
  let isFailing = false;
  let sending: Promise<void> | null = null;

  const sendAll = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const words = [...next].map(([name, value]) => `${name}=${value}`);
      const problem = await systemdNotify(words, { NOTIFY_SOCKET: path, PATH: searchPath });
      isMissing = problem === 'ENOENT';
      if (isMissing) waiting = [];
      if (problem !== null && !isFailing) {
        warn(isMissing ? MISSING : `the service manager at ${path} does not hear us: ${problem}`);
      }
      isFailing = problem !== null;
    }
    sending = null;
  };
  return {
    send(assignments) {
      if (isMissing) return;
      const last = waiting.at(-1);
      const isTurn = (names: Iterable<string>): boolean => [...names].some((name) => TURNS.includes(name));
      const mustFollow = isTurn(Object.keys(assignments)) && last !== undefined && isTurn(last.keys());
      const message = last === undefined || (mustFollow && waiting.length < MAX_WAITING) ? new Map() : last;
      if (message !== last) waiting.push(message);
      for (const [name, value] of Object.entries(assignments)) {
        // Of two turns in one message the last one counts.
        message.delete(name);
        message.set(name, value);
      }
      sending ??= sendAll();
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_WITHIN_MS);
      });
      await Promise.race([sending ?? Promise.resolve(), patience]);
      clearTimeout(timer);
      waiting = [];
    },
  };
}

/** Sends one message; null: it has arrived. "ENOENT": there is no such program. */
async function systemdNotify(words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | null> {
  // Loaded for those who have a service manager only.
  const { execFile } = await import('node:child_process');
  return await new Promise((resolve) => {
    const options = { env, timeout: MESSAGE_WITHIN_MS, killSignal: 'SIGKILL' as const };
    execFile('systemd-notify', words, options, (error, _stdout, stderr) => {
      if (error === null) return resolve(null);
      if (error.code === 'ENOENT') return resolve('ENOENT');
      const reason = error.killed === true ? 'it does not answer' : stderr || error.message;
      resolve(printableUpTo(200, reason));
    });
  });
}
