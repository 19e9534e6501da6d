// Runs the commands whose start matters, in a home of its own, and writes what V8 compiled for them beside each file that
// they have loaded from the folder given: `node scripts/code-cache.cjs dist`. It fits this version of Node only; others
// ignore it.

'use strict';

const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const folder = resolve(process.argv[2]);
const home = mkdtempSync(join(tmpdir(), 'sipreg-build-'));
for (const name of ['HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR']) process.env[name] = home;

const { cachedFiles } = require(join(folder, 'cached-files.cjs'));
const { load, loaded } = cachedFiles(folder, require);
const run = (...args) => load('program').exports.runProgram(args);

/**
 * V8 keeps what has run. A cache is good for processes with the flags of the one that made it, and an agent sets some of
 * its own: so it runs in another.
 */
async function warmUp() {
  const { startLoopbackRegistrar } = await import('./bench/loopback-registrar.mjs');
  const { port } = await startLoopbackRegistrar();
  const account = { aor: 'sip:nobody@127.0.0.1', registrar: `sip:127.0.0.1:${port}`, password: 'none' };
  const accounts = join(home, 'accounts.json');
  writeFileSync(accounts, JSON.stringify({ accounts: { nobody: account } }), { mode: 0o600 });
  await run('-c', accounts, 'register', 'nobody');
  await run('check', '--config', accounts, '--direct', 'nobody');
  await run('__complete', 'bash', '--', `sipreg -c ${accounts} status n`);
  await run('-c', accounts, 'config', 'check');
  await run('-c', accounts, 'account', 'list');
  const socket = join(home, 'agent.sock');
  const args = ['-c', accounts, '--socket', socket, 'run'];
  const agent = spawn(process.execPath, [join(folder, 'main.cjs'), ...args], { stdio: 'ignore' });
  try {
    // Until it has registered; should it not, the cache is the poorer for it, and that is all.
    for (let waits = 0; waits < 100 && (await run('check', '--socket', socket)) !== 0; waits++)
      await sleep(50);
    await run('--socket', socket, 'status');
  } finally {
    agent.kill('SIGKILL');
  }
  load('agent');
  for (const [name, { script }] of loaded) {
    writeFileSync(join(folder, `${name}.cache`), script.createCachedData());
  }
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
