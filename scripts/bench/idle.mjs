// What an agent weighs before it has much to do: with no account and with one, beside Node doing nothing. And how long
// `status` takes while it registers thousands.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../setup.mjs';
import { quiet, startProcess } from './contestant-process.mjs';
import { allRegistered, median, rounded, withContestant } from './scene.mjs';

const MOST_MB_WITH_ONE = 52;
const QUIET_SECONDS = 6;

export async function measureMemory({ tell }) {
  tell('memory: Node, no account, one account');
  const node = await idleNode();
  const none = await withContestant('sipreg', { count: 0 }, settledMemory);
  const one = await withContestant('sipreg', { count: 1 }, async (scene) => {
    await allRegistered(scene, 'sipreg', 1);
    return settledMemory(scene);
  });
  const table = {
    'node, idle': { 'memory MB': rounded(node) },
    'sipreg, 0 accounts': { 'memory MB': rounded(none) },
    'sipreg, 1 account': { 'memory MB': rounded(one) },
  };
  const broken =
    one > MOST_MB_WITH_ONE ? [`one account: ${rounded(one)} MB, at most ${MOST_MB_WITH_ONE}`] : [];
  return { table, broken };
}

async function settledMemory({ process }) {
  await quiet(process, QUIET_SECONDS);
  return process.memoryMb();
}

async function idleNode() {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-bench-'));
  const program = join(folder, 'idle.cjs');
  await writeFile(program, 'setInterval(() => {}, 1000);\n');
  const idle = await startProcess(process.execPath, [program], { cwd: folder });
  try {
    return await settledMemory({ process: idle });
  } finally {
    await idle.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The command `status u0` while the agent registers all; whole processes, and so with the start of Node. */
export async function measureStatus({ steadyCount: count, tell }) {
  tell(`status while ${count} accounts register`);
  const [busy, calm] = await withContestant('sipreg', { count }, async (scene) => {
    const whileBusy = [];
    while ((await scene.registrar.registered()) < count) {
      const ms = await askStatus(scene.process.socket);
      if (ms !== null) whileBusy.push(ms);
    }
    const afterwards = [];
    for (let at = 0; at < 11; at++) afterwards.push((await askStatus(scene.process.socket)) ?? Number.NaN);
    return [whileBusy, afterwards];
  });
  const row = (samples) => ({
    asked: samples.length,
    'median ms': samples.length === 0 ? '' : rounded(median(samples)),
    'longest ms': samples.length === 0 ? '' : rounded(Math.max(...samples)),
  });
  return { table: { 'while registering': row(busy), afterwards: row(calm) }, broken: [] };
}

/** Milliseconds; null: the agent has no socket yet. */
function askStatus(socket) {
  const startedAt = performance.now();
  const args = [join(projectRoot, 'bin/sipreg.js'), '--socket', socket, 'status', 'u0'];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // 69: no agent answers; any other code is an answer.
    child.once('exit', (code) => resolve(code === 69 ? null : performance.now() - startedAt));
  });
}
