// A lock between processes, without native code: a symbolic link whose target text names the holder. Making one is
// atomic and never shows a half-written holder. A holder that died is found dead by its number and time of birth.
//
// Breaking a dead holder's lock must not remove a lock that a third process has taken meanwhile. So each lock has a
// token that never comes back, and only who holds the lock named after that token may remove it, after a second look.
// That inner lock is broken in the same way when its holder dies in turn.

import { lstatSync, lutimesSync, readlinkSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorMap } from 'node:util';
import { failure, type Result, success } from '../core/result.ts';
import { type Rng, randomHex } from '../core/rng.ts';
import { messageOf } from '../core/thrown.ts';
import type { Millis } from '../core/time.ts';
import { lifeOf, ownIdentity, type ProcessIdentity } from './process-identity.ts';

export type Lock = {
  /** Whether it is still ours: a holder that was stopped for long may have been taken for dead. */
  readonly isHeld: () => boolean;
  readonly release: () => void;
};

/** A living process has it; the number is null when it runs on another host or in another container. */
export type LockHeld = { readonly type: 'held'; readonly pid: number | null };

/** The lock cannot be made: the directory is read-only, missing, full. `cause` is the system's message. */
export type LockUnavailable = { readonly type: 'unavailable'; readonly cause: string };

export type LockRefusal = LockHeld | LockUnavailable;

export type LockOptions = {
  /** How long to wait for another holder, milliseconds; 0: one try. */
  readonly waitMs: number;
  /** Aborted: the wait ends early, as if the time were over. */
  readonly signal?: AbortSignal | undefined;
  readonly rng: Rng;
  readonly now: () => Millis;
  /** A holder of which nothing can be known counts as dead after this time without a sign of life, milliseconds. */
  readonly silenceMs?: number;
  /**
   * Such a holder is waited for until its silence or a sign of life tells, beyond `waitMs`: a container that was killed leaves
   * its lock to a successor that could never know better at its first look.
   */
  readonly untilSilence?: boolean;
};

/** Takes the lock `path`. It is released by `release`, at a normal exit, and by the death of this process. */
export async function acquireLock(path: string, options: LockOptions): Promise<Result<Lock, LockRefusal>> {
  const { now, waitMs, untilSilence = false, silenceMs = SILENCE_MS } = options;
  const startedAt = now();
  const watch = watchForSilence(silenceMs, now);
  for (let pauseMs = SHORTEST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const attempt = tryToTake(path, options.rng, watch);
    if (attempt.type === 'taken') return success(held(path, attempt.text));
    if (attempt.type === 'unavailable') return failure(attempt);
    const isOpen = untilSilence && attempt.holder !== null && isUnknown(attempt.holder);
    const patienceMs = isOpen ? Math.max(waitMs, silenceMs + LONGEST_PAUSE_MS) : waitMs;
    const leftMs = startedAt + patienceMs - now();
    if (leftMs <= 0 || options.signal?.aborted)
      return failure({ type: 'held', pid: visiblePid(attempt.holder) });
    await sleep(Math.min(leftMs, pauseMs * (0.5 + options.rng.unit() / 2)));
  }
}

type Attempt =
  | { readonly type: 'taken'; readonly text: string }
  | { readonly type: 'held'; readonly holder: ProcessIdentity | null }
  | LockUnavailable;

/** Whether the holder `text` of the lock `path`, of which nothing is known, has shown no sign of life for too long. */
type SilenceWatch = (path: string, text: string) => boolean;

function tryToTake(path: string, rng: Rng, isSilent: SilenceWatch): Attempt {
  const text = formatHolder(ownIdentity(), randomHex(rng, 8));
  let holder: ProcessIdentity | null = null;
  // Bounded: between two looks the lock may be released and taken again.
  for (let turn = 0; turn < 4; turn++) {
    try {
      symlinkSync(text, path);
      return { type: 'taken', text };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') return { type: 'unavailable', cause: `${path}: ${reasonOf(error)}` };
    }
    const found = readHolder(path);
    if (found.type === 'unavailable') return found;
    if (found.type === 'none') continue;
    holder = found.holder;
    if (!isDead(path, found, isSilent)) break;
    const obstacle = breakLock(path, found, rng, isSilent);
    if (obstacle !== null) return obstacle;
  }
  return { type: 'held', holder };
}

type Found = {
  readonly type: 'holder';
  readonly text: string;
  readonly token: string;
  readonly holder: ProcessIdentity;
};

function isUnknown(holder: ProcessIdentity): boolean {
  return lifeOf(holder, ownIdentity()) === 'unknown';
}

function isDead(path: string, found: Found, isSilent: SilenceWatch): boolean {
  const life = lifeOf(found.holder, ownIdentity());
  return life === 'dead' || (life === 'unknown' && isSilent(path, found.text));
}

/** null: done, or somebody else is doing it. */
function breakLock(path: string, stale: Found, rng: Rng, isSilent: SilenceWatch): LockUnavailable | null {
  const permit = `${path.replace(TOKEN_SUFFIX, '')}.${stale.token}`;
  const attempt = tryToTake(permit, rng, isSilent);
  if (attempt.type === 'unavailable') return attempt;
  if (attempt.type === 'held') return null;
  try {
    // While we hold the permit nobody else may remove this lock, and a token never comes back.
    const now = readHolder(path);
    if (now.type === 'holder' && now.text === stale.text) rmSync(path, { force: true });
    rmSync(permit, { force: true });
    return null;
  } catch (error) {
    return { type: 'unavailable', cause: messageOf(error) };
  }
}

function readHolder(path: string): Found | { readonly type: 'none' } | LockUnavailable {
  try {
    const text = readlinkSync(path);
    const parsed = parseHolder(text);
    if (parsed !== null) return { type: 'holder', text, ...parsed };
    return { type: 'unavailable', cause: `${path} is not one of our locks; remove it if nothing uses it` };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { type: 'none' };
    if (codeOf(error) === 'EINVAL') {
      return { type: 'unavailable', cause: `${path} is no lock but a file or directory; remove it` };
    }
    return { type: 'unavailable', cause: messageOf(error) };
  }
}

/** Locks of this process, by path: removed at a normal exit. */
const ownLocks = new Map<string, string>();

function held(path: string, text: string): Lock {
  if (ownLocks.size === 0) process.once('exit', releaseAll);
  ownLocks.set(path, text);
  // The sign of life, for those who cannot see our process: another container or host.
  const beat = setInterval(() => showLife(path, text), BEAT_MS).unref();
  return {
    isHeld: () => isOurs(path, text),
    release: () => {
      clearInterval(beat);
      removeOwn(path, text);
      // It may be ours again, by a later lock.
      if (ownLocks.get(path) === text) ownLocks.delete(path);
      if (ownLocks.size === 0) process.off('exit', releaseAll);
    },
  };
}

function releaseAll(): void {
  for (const [path, text] of ownLocks) removeOwn(path, text);
}

function removeOwn(path: string, text: string): void {
  if (!isOurs(path, text)) return;
  try {
    unlinkSync(path);
  } catch {
    // Nothing to do: the directory became read-only or is gone. Our death frees the lock.
  }
}

function isOurs(path: string, text: string): boolean {
  const found = readHolder(path);
  return found.type === 'holder' && found.text === text;
}

function showLife(path: string, text: string): void {
  if (!isOurs(path, text)) return;
  try {
    const now = new Date();
    lutimesSync(path, now, now);
  } catch {
    // A sign that cannot be given (read-only by now) is missed by nobody who could take the lock.
  }
}

/** Clocks are not compared (they differ and jump): what counts is that the link's time stands still while we look. */
function watchForSilence(silenceMs: number, now: () => Millis): SilenceWatch {
  const seen = new Map<string, number>();
  return (path, text) => {
    const sign = `${text} ${lstatSync(path, { throwIfNoEntry: false })?.mtimeMs}`;
    const at = now();
    const since = seen.get(sign) ?? at;
    seen.set(sign, since);
    return at - since >= silenceMs;
  };
}

function formatHolder(self: ProcessIdentity, token: string): string {
  return [token, self.pid, self.birth, self.namespace, self.boot, self.host].join(':');
}

function parseHolder(text: string): { token: string; holder: ProcessIdentity } | null {
  const [token = '', pid = '', birth, namespace, boot, ...host] = text.split(':');
  if (!/^[0-9a-f]{16}$/.test(token) || !/^[1-9][0-9]{0,9}$/.test(pid)) return null;
  if (birth === undefined || namespace === undefined || boot === undefined || host.length === 0) return null;
  return { token, holder: { pid: Number(pid), birth, namespace, boot, host: host.join(':') } };
}

function visiblePid(holder: ProcessIdentity | null): number | null {
  const self = ownIdentity();
  return holder?.host === self.host && holder.namespace === self.namespace ? holder.pid : null;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** "EROFS: read-only file system", without the call: its argument is the lock's content, which helps nobody. */
function reasonOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno);
  return known === undefined ? messageOf(error) : known.join(': ');
}

const TOKEN_SUFFIX = /\.[0-9a-f]{16}$/;
const SHORTEST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
const BEAT_MS = 2500;
const SILENCE_MS = 10_000;
