// The socket's files: made so that nobody can connect before the mode is right, and so that of two agents that start
// together one gets the place and the other one the first one's process number.
//
// The place is held by a lock beside it (state/lock.ts) for as long as the agent runs. Who has the lock knows that a
// socket that is there has lost its agent, binds a new one in a directory of its own (0700), sets mode and group, and
// renames it into place.

import { execFile } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { failure, type Result, success } from '../../core/result.ts';
import { messageOf } from '../../core/thrown.ts';
import { exactNow } from '../../runtime/clock.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { ensureDirectory } from '../../runtime/own-directory.ts';
import { acquireLock, type Lock } from '../../state/lock.ts';

export type SocketProblem =
  /** Another agent has it. The number is null when that runs in another container. */
  | { readonly type: 'running'; readonly pid: number | null; readonly message: string }
  /** It cannot be made. */
  | { readonly type: 'unusable'; readonly message: string };

export type SocketPlace = {
  readonly path: string;
  readonly lock: Lock;
};

/** sun_path (unix(7)) with its end: 108 bytes on Linux, 104 elsewhere. */
const MAX_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

const ADVICE = 'name another one with --socket';

/** Takes the place `path`; its directory is made when it is missing. */
export async function takePlace(
  path: string,
  group: string | null,
): Promise<Result<SocketPlace, SocketProblem>> {
  const room = MAX_SOCKET_PATH - LONGEST_SUFFIX.length;
  if (Buffer.byteLength(path) > room) {
    return unusable(`the socket path ${path} is longer than ${room} bytes; choose a shorter one`);
  }
  try {
    await ensureReachableDirectory(dirname(path), group);
  } catch (error) {
    return unusable(`the directory of the socket ${path} cannot be made: ${reasonOf(error)}`);
  }
  const lock = await acquireLock(`${path}.lock`, {
    waitMs: 0,
    untilSilence: true,
    rng: systemRng,
    now: exactNow,
  });
  if (!lock.ok) {
    if (lock.error.type === 'held') return failure(running(path, lock.error.pid));
    return unusable(`the socket ${path} cannot be made: ${lock.error.cause}; ${ADVICE}`);
  }
  const obstacle = await obstacleAt(path).catch(messageOf);
  if (obstacle === null) return success({ path, lock: lock.value });
  lock.value.release();
  return unusable(obstacle);
}

/** Lets `server` listen at `path`, which belongs to a place that we hold; what is there is replaced. */
export async function listenAt(
  server: Server,
  path: string,
  group: string | null,
): Promise<Result<void, SocketProblem>> {
  const workshop = `${path}${WORKSHOP_SUFFIX}`;
  const unfinished = `${workshop}/s`;
  try {
    rmSync(workshop, { recursive: true, force: true });
    mkdirSync(workshop, { mode: 0o700 });
    await listening(server, unfinished);
    chmodSync(unfinished, 0o600);
    if (group !== null) {
      await giveToGroup(group, unfinished);
      chmodSync(unfinished, 0o660);
    }
    renameSync(unfinished, path);
    return success(undefined);
  } catch (error) {
    server.close();
    return unusable(`the socket ${path} cannot be made: ${reasonOf(error)}`);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

/** Removes the sockets, unless they are another's by now, and gives the place up. */
export function leavePlace({ lock }: SocketPlace, paths: readonly string[]): void {
  // A lock that was lost, to somebody who took us for dead, took the sockets along.
  if (lock.isHeld()) for (const path of paths) rmSync(path, { force: true });
  lock.release();
}

/** Group members have to be able to go through a directory that is made for them; one that is there is not touched. */
async function ensureReachableDirectory(directory: string, group: string | null): Promise<void> {
  const isNew = !existsSync(directory);
  ensureDirectory(directory);
  if (!isNew || group === null) return;
  await giveToGroup(group, directory);
  chmodSync(directory, 0o710);
}

/** What keeps members of the socket's group from reaching it, as far as modes tell; null: nothing. */
export function groupObstacle(path: string): string | null {
  const { gid: group } = statSync(path);
  for (let directory = dirname(path), below = path; directory !== below; directory = dirname(directory)) {
    const { mode, gid } = statSync(directory);
    if ((mode & (gid === group ? 0o010 : 0o001)) === 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      return `they cannot go through ${directory} (mode ${octal}); run: chgrp ${group} ${directory} && chmod g+x ${directory}`;
    }
    below = directory;
  }
  return null;
}

/** What stands at `path` and must not be replaced, in words; null: nothing, or a socket that nobody listens on. */
export async function obstacleAt(path: string): Promise<string | null> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (!found.isSocket()) return `${path} is there and is no socket; remove it, or choose another path`;
  if (!(await isAlive(path))) return null;
  return `another program listens on ${path}, and it is no agent of sipreg; choose another path`;
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}

/** The group is what is wrong: another path would not help. */
class GroupError extends Error {}

function reasonOf(error: unknown): string {
  return error instanceof GroupError ? error.message : `${messageOf(error)}; ${ADVICE}`;
}

/** Node knows no groups by name; chgrp(1) asks the system as everybody does (files, LDAP, a directory service). */
async function giveToGroup(group: string, path: string): Promise<void> {
  await promisify(execFile)('chgrp', ['--', group, path], { timeout: CHGRP_TIMEOUT_MS }).catch(
    (error: Error) => {
      const [, reason = ''] = /^chgrp: (.*)$/m.exec(error.message) ?? [];
      const words = `agent.socketGroup "${group}" cannot be given the socket (${reason || error.message})`;
      throw new GroupError(
        `${words}; the group has to exist, and this user has to be in it (a service: SupplementaryGroups=${group})`,
      );
    },
  );
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function running(path: string, pid: number | null): SocketProblem {
  const who = pid === null ? 'in another container or on another host' : `process ${pid}`;
  const message = `an agent is running already (${who}) and has ${path}; stop it first, or give this one another --socket and state directory`;
  return { type: 'running', pid, message };
}

function unusable(message: string): Result<never, SocketProblem> {
  return failure({ type: 'unusable', message });
}

const WORKSHOP_SUFFIX = '.new';
/** The longest path that anything is bound at: the operator's socket, while it is made. */
const LONGEST_SUFFIX = '.operator.new/s';
const CHGRP_TIMEOUT_MS = 5_000;
/** Connections that the kernel holds until they are accepted. */
const BACKLOG = 511;
