// Which process is it, and does it still live? A process number alone is not enough: numbers are given again, and mean
// nothing on another host, in another container or after a reboot. So a process is named by number, time of birth,
// PID namespace, boot and host, and the answer about another one may be "unknown".

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export type ProcessIdentity = {
  readonly pid: number;
  /** When it started: a text that no later process with this number has; empty when it cannot be known. */
  readonly birth: string;
  /** The PID namespace and the boot (Linux); empty elsewhere. */
  readonly namespace: string;
  readonly boot: string;
  readonly host: string;
};

export type Life = 'alive' | 'dead' | 'unknown';

let own: ProcessIdentity | null = null;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    birth: birthOf(process.pid) ?? '',
    namespace: read(() => readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')),
    boot: read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    host: hostname(),
  };
  return own;
}

/** Whether `other` still lives, as far as `self` can tell. `dead` is certain, and stays so. */
export function lifeOf(other: ProcessIdentity, self: ProcessIdentity): Life {
  if (other.host !== self.host) return 'unknown';
  if (other.boot !== self.boot) return 'dead';
  if (other.namespace !== self.namespace) return 'unknown';
  if (!numberIsInUse(other.pid)) return 'dead';
  const birth = birthOf(other.pid);
  if (birth === null || other.birth === '') return 'unknown';
  return birth === other.birth ? 'alive' : 'dead';
}

function numberIsInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process has it.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** null: it cannot be known (hidden by hidepid). A zombie has ended: it was never born. */
function birthOf(pid: number): string | null {
  if (process.platform !== 'linux') return birthByPs(pid);
  const line = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // proc(5): the name, in parentheses, may hold anything; the state follows it, and the start is field 22.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (state === 'Z' || state === 'X') return '';
  return fields[22 - 3] ?? null;
}

function birthByPs(pid: number): string | null {
  // Only where there is no /proc: everybody else is spared the loading of it.
  const { execFileSync } = process.getBuiltinModule('node:child_process');
  const started = read(() =>
    execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2000,
    }).trim(),
  );
  return started === '' ? null : started.replace(/\W+/g, '-');
}

/** Empty when the system does not have it. */
function read(source: () => string): string {
  try {
    return source();
  } catch {
    return '';
  }
}
