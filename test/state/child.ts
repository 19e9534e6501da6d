// The other process of the state tests: bundled by children.ts and run by plain node. Its first argument says what it
// does, its second where.

import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, renameSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rng } from '../../src/core/rng.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { type IdentityKey, type IdentityStore, openIdentityStore } from '../../src/state/identity-store.ts';
import { acquireLock } from '../../src/state/lock.ts';

const rng: Rng = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  hex: (count) => randomBytes(count).toString('hex'),
  unit: Math.random,
};
const key: IdentityKey = { account: 'office', aor: 'sip:1@example.com', registrar: 'sip:example.com' };
const [, , task = '', place = '', times = '0'] = process.argv;

/** One write(2) a line, so that what was printed before a SIGKILL is complete. */
function print(line: string): void {
  writeSync(1, `${line}\n`);
}

async function openStore(): Promise<IdentityStore> {
  const opened = await openIdentityStore(place, {
    rng,
    now: exactNow,
    notify: ({ code, message }) => print(`${code} ${message}`),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** Reserves blocks, prints each number before it counts as used, gives the rest of each second block back. */
async function use(): Promise<void> {
  const store = await openStore();
  for (let turn = 0; ; turn++) {
    const block = await store.reserve(key, 1, 1 + (turn % 4));
    for (let cseq = block.firstCseq; cseq <= block.lastCseq; cseq++) {
      print(`used ${block.callId} ${cseq}`);
      if (turn % 2 === 0) await store.settle(key, 1, block, { usedCseq: cseq });
      if (turn % 2 === 0) break;
    }
  }
}

/** Reserves `times` blocks of three together with others and prints all their numbers. */
async function share(): Promise<void> {
  const store = await openStore();
  for (let turn = 0; turn < Number(times); turn++) {
    const { callId, firstCseq, lastCseq } = await store.reserve(key, 1, 3);
    for (let cseq = firstCseq; cseq <= lastCseq; cseq++) print(`used ${callId} ${cseq}`);
  }
}

async function hold(): Promise<void> {
  const lock = await acquireLock(place, { waitMs: 0, rng, now: exactNow });
  print(lock.ok ? 'held' : 'refused');
  await sleep(60_000);
}

/** Takes the lock again and again, and tells when somebody else is in at the same time. */
async function contend(): Promise<void> {
  const inside = join(place, 'inside');
  for (;;) {
    const lock = await acquireLock(join(place, 'lock'), { waitMs: 20_000, rng, now: exactNow });
    if (!lock.ok) return print(`refused ${JSON.stringify(lock.error)}`);
    writeFileSync(inside, String(process.pid));
    const until = performance.now() + Math.random();
    while (performance.now() < until);
    const seen = readFileSync(inside, 'utf8');
    print(seen === String(process.pid) ? 'alone' : `violated ${process.pid} ${seen}`);
    lock.value.release();
  }
}

/** Like `contend`, but leaves each lock as a dead holder would, so that every turn begins with a take-over. */
async function abandon(): Promise<void> {
  const inside = join(place, 'inside');
  const path = join(place, 'lock');
  for (let turn = 0; turn < Number(times); turn++) {
    const lock = await acquireLock(path, { waitMs: 20_000, rng, now: exactNow });
    if (!lock.ok) return print(`refused ${JSON.stringify(lock.error)}`);
    const mark = `${process.pid} ${turn}`;
    writeFileSync(inside, mark);
    const until = performance.now() + 0.3;
    while (performance.now() < until);
    const seen = readFileSync(inside, 'utf8');
    print(seen === mark && lock.value.isHeld() ? 'alone' : `violated ${mark} ${seen}`);
    const [token = '', pid = '', birth = '', ...rest] = readlinkSync(path).split(':');
    symlinkSync([token, pid, `${birth}0`, ...rest].join(':'), `${path}-${pid}`);
    renameSync(`${path}-${pid}`, path);
  }
}

async function once(): Promise<void> {
  const store = await openStore();
  const { callId, firstCseq } = await store.reserve(key, 1, 1);
  print(`used ${callId} ${firstCseq}`);
}

async function endWithLock(): Promise<void> {
  const lock = await acquireLock(place, { waitMs: 0, rng, now: exactNow });
  print(lock.ok ? 'held' : 'refused');
  process.exit(0);
}

const tasks: Readonly<Record<string, () => Promise<void>>> = {
  use,
  share,
  hold,
  contend,
  abandon,
  once,
  endWithLock,
};
await tasks[task]?.();
