// A program under measurement, in a process group of its own: what its processes have used of the processors, and what they
// hold in memory, as Linux accounts for it in /proc.

import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Groups that an interrupted run must not leave behind. */
const living = new Set();
process.on('exit', () => {
  for (const pid of living) signalGroup(pid, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
/** On Node 20 the variable that is left out costs 48 ms and 2 MB by itself. */
export const ENVIRONMENT = environment;

/** Starts `program`; its output goes to `logFile`. */
export async function startProcess(program, args, { cwd, env = ENVIRONMENT, logFile = '/dev/null' }) {
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let hasEnded = false;
  const ended = new Promise((resolve) => child.once('exit', resolve)).then(() => {
    hasEnded = true;
  });
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  const { pid } = child;
  living.add(pid);
  return {
    pid,
    hasEnded: () => hasEnded,
    /** Seconds of processor time, user and system, of all its processes. */
    cpuSeconds: () => sum(membersOf(pid), cpuSecondsOf),
    /** Resident memory in MB (10^6 bytes); what several processes of it share counts once. */
    memoryMb: () => {
      const members = membersOf(pid);
      return sum(members, (member) => memoryKb(member, members.length > 1 ? 'Pss' : 'Rss')) * 1.024e-3;
    },
    /** The most that was ever resident, MB; null for several processes, whose peaks cannot be added. */
    peakMb: () => (membersOf(pid).length > 1 ? null : peakKb(pid) * 1.024e-3),
    stop: async () => {
      signalGroup(pid, 'SIGKILL');
      await ended;
      while (signalGroup(pid, 0)) await sleep(10);
      living.delete(pid);
    },
  };
}

/** Waits until `condition` gives true; rejects after `seconds`. */
export async function until(condition, { seconds, what, everyMs = 50 }) {
  const deadline = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(everyMs);
  }
}

/** Waits until `process` has had nothing to do for so many seconds, a minute at most. */
export async function quiet(process, seconds) {
  let calm = 0;
  for (let second = 0; calm < seconds && second < 60; second++) {
    const before = process.cpuSeconds();
    await sleep(1000);
    calm = process.cpuSeconds() - before < QUIET_SHARE ? calm + 1 : 0;
  }
}

/** Of one processor. */
const QUIET_SHARE = 0.1;

function signalGroup(pid, signal) {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

/** The processes of the group that `leader` began. */
function membersOf(leader) {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => pid === leader || groupOf(pid) === leader);
}

/** The process group of /proc/PID/stat; before it stands a name, which may hold anything. */
function groupOf(pid) {
  const text = read(`/proc/${pid}/stat`);
  return text === null ? null : Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2]);
}

/** The scheduler's own count, in nanoseconds, over all threads: finer than the clock ticks of /proc/PID/stat. */
function cpuSecondsOf(pid) {
  return sum(threadsOf(pid), (thread) => {
    const text = read(`/proc/${pid}/task/${thread}/schedstat`);
    return text === null ? 0 : Number(text.split(' ')[0]) / 1e9;
  });
}

function threadsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `Rss`, or `Pss`: of what several processes share each has its part. */
function memoryKb(pid, kind) {
  const text = read(`/proc/${pid}/smaps_rollup`) ?? '';
  const line = text.split('\n').find((one) => one.startsWith(`${kind}:`)) ?? '';
  return Number(/\d+/.exec(line)?.[0] ?? 0);
}

function peakKb(pid) {
  return Number(/^VmHWM:\s+(\d+)/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return null;
    throw error;
  }
}

function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}
