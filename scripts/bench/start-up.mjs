// How long a user waits for a command that does little: the medians of whole processes, their runs interleaved so that a
// busy machine slows all of them alike, compared with the same Node doing nothing.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../setup.mjs';
import { startProcess, until } from './contestant-process.mjs';
import { startLoopbackRegistrar } from './loopback-registrar.mjs';
import { median } from './scene.mjs';

const executable = join(projectRoot, 'bin/sipreg.js');
const warmUpRounds = 3;

/** Milliseconds that a command may take longer than `node -e 0`. */
const limits = { '--version': 15, status: 30, 'check --direct': 50, register: 50 };

/** Runs every case `runs` times; `broken` has a sentence for each limit that was passed. */
export async function measureStartUp({ runs }) {
  const registrar = await startLoopbackRegistrar();
  const home = await mkdtemp(join(tmpdir(), 'sipreg-bench-'));
  try {
    const accounts = join(home, 'accounts.json');
    await writeFile(accounts, JSON.stringify(accountAt(registrar.port)), { mode: 0o600 });
    const environment = environmentOf(home);
    const agentFolder = join(home, 'agent');
    await mkdir(agentFolder);
    const socket = join(agentFolder, 'agent.sock');
    const agent = await startAgent(socket, accounts, environmentOf(agentFolder));
    const cases = {
      'node -e 0': ['-e', '0'],
      '--version': [executable, '--version'],
      status: [executable, '--socket', socket, 'status'],
      'check --direct': [executable, 'check', '--direct', 'bench', '--config', accounts],
      register: [executable, 'register', 'bench', '--config', accounts],
    };
    try {
      return report(await interleave(cases, { runs, environment }));
    } finally {
      await agent.stop();
    }
  } finally {
    registrar.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function startAgent(socket, accounts, env) {
  const args = [executable, '--config', accounts, '--socket', socket, 'run'];
  const agent = await startProcess(process.execPath, args, { cwd: env.HOME, env });
  await until(() => existsSync(socket), { seconds: 10, what: 'the agent starts' });
  return agent;
}

function accountAt(port) {
  const registrar = `sip:127.0.0.1:${port}`;
  const account = { aor: 'sip:bench@127.0.0.1', registrar, password: 'bench', transport: 'udp' };
  return { accounts: { bench: account } };
}

/** NODE_EXTRA_CA_CERTS is left out on purpose: on Node 20 that variable alone costs 48 ms. */
function environmentOf(home) {
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    XDG_STATE_HOME: join(home, 'state'),
    XDG_RUNTIME_DIR: home,
  };
}

async function interleave(cases, { runs, environment }) {
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -warmUpRounds; round < runs; round++) {
    for (const [name, args] of Object.entries(cases)) {
      const ms = await timeProcess(args, environment);
      if (round >= 0) times[name].push(ms);
    }
  }
  return times;
}

function timeProcess(args, environment) {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (text) => {
      complaint += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(performance.now() - startedAt);
      else reject(new Error(`node ${args.join(' ')} ended with ${code}:\n${complaint}`));
    });
  });
}

function report(times) {
  const base = median(times['node -e 0']);
  const table = {};
  const broken = [];
  for (const [name, samples] of Object.entries(times)) {
    const middle = median(samples);
    const over = middle - base;
    const limit = limits[name];
    table[name] = {
      'median ms': rounded(middle),
      'fastest ms': rounded(Math.min(...samples)),
      'ms over node': rounded(over),
      'times node': rounded(middle / base),
      'limit ms over': limit ?? '',
    };
    if (over > limit) broken.push(`${name} takes ${rounded(over)} ms more than node, ${limit} are allowed`);
  }
  return { table, broken };
}

function rounded(value) {
  return Math.round(value * 10) / 10;
}
