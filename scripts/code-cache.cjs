// Runs the commands whose start matters, in a home of its own, and writes what V8 compiled for them to program.cache in
// the folder given: `node scripts/code-cache.cjs dist`. It fits this version of Node only; others ignore it.

'use strict';

const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');

const folder = resolve(process.argv[2]);
const home = mkdtempSync(join(tmpdir(), 'sipreg-build-'));
for (const name of ['HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR']) process.env[name] = home;

const { loadProgram } = require(join(folder, 'cached-program.cjs'));
const { program, script } = loadProgram(folder);
// Discard's port: nothing answers there, which takes a command through its whole length.
const account = { aor: 'sip:nobody@127.0.0.1', registrar: 'sip:127.0.0.1:9', password: 'none' };
const accounts = join(home, 'accounts.json');
writeFileSync(accounts, JSON.stringify({ accounts: { nobody: account } }), { mode: 0o600 });

async function warmUp() {
  await program.runProgram(['demo', '--quiet']);
  // No agent answers in that home: all of the question, none of its answer.
  await program.runProgram(['status']);
  await program.runProgram(['__complete', 'bash', '--', `sipreg -c ${accounts} status n`]);
  await program.runProgram(['-c', accounts, 'register', 'nobody', '--timeout', '1', '--quiet']);
  writeFileSync(join(folder, 'program.cache'), script.createCachedData());
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
