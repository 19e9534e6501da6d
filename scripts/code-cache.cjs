// Runs the commands whose start matters, in a home of its own, and writes what V8 compiled for them to program.cache in
// the folder given: `node scripts/code-cache.cjs dist`. It fits this version of Node only; others ignore it.

'use strict';

const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const folder = resolve(process.argv[2]);
const home = mkdtempSync(join(tmpdir(), 'sipreg-build-'));
for (const name of ['HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR']) process.env[name] = home;

const { loadProgram } = require(join(folder, 'cached-program.cjs'));
const { program, script } = loadProgram(folder, require);

/** V8 keeps what has run. More than that would cost every start: so the agent runs in a process of its own. */
async function warmUp() {
  const { startLoopbackRegistrar } = await import('./bench/loopback-registrar.mjs');
  const { port, stop } = await startLoopbackRegistrar();
  const account = { aor: 'sip:nobody@127.0.0.1', registrar: `sip:127.0.0.1:${port}`, password: 'none' };
  const accounts = join(home, 'accounts.json');
  writeFileSync(accounts, JSON.stringify({ accounts: { nobody: account } }), { mode: 0o600 });
  await program.runProgram(['-c', accounts, 'register', 'nobody']);
  await program.runProgram(['check', '--config', accounts, '--direct', 'nobody']);
  await program.runProgram(['__complete', 'bash', '--', `sipreg -c ${accounts} status n`]);
  const socket = join(home, 'agent.sock');
  const agent = spawn(
    process.execPath,
    [join(folder, 'main.cjs'), '-c', accounts, '--socket', socket, 'run'],
    {
      stdio: 'ignore',
    },
  );
  try {
    // Until it has registered; should it not, the cache is the poorer for it, and that is all.
    for (let waits = 0; waits < 100 && !(await isRegistered(socket)); waits++) await sleep(50);
    await program.runProgram(['--socket', socket, 'status']);
  } finally {
    agent.kill('SIGKILL');
  }
  stop();
  writeFileSync(join(folder, 'program.cache'), script.createCachedData());
}

async function isRegistered(socket) {
  return (await program.runProgram(['check', '--socket', socket])) === 0;
}

warmUp()
  .finally(() => rmSync(home, { recursive: true, force: true }))
  .then(
    () => process.exit(0),
    (error) => {
      console.error(error.message);
      process.exit(1);
    },
  );
