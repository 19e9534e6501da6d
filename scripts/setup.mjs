// Makes a fresh clone ready to run, with Node alone: installs the dependencies when package-lock.json and node_modules
// differ, and builds dist/ when the sources are newer. Says on stderr what it does, and nothing when there is nothing to do.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Installs and builds what is missing or stale; ends the process with the failing step's code when one fails. */
export function prepareProject() {
  if (!dependenciesInstalled()) {
    say('installing the dependencies (npm ci), which also builds');
    run(npm(), ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  } else if (!buildIsCurrent()) {
    say('building dist/');
    run([process.execPath], ['scripts/build.mjs']);
  }
}

/** True when every package of package-lock.json is in node_modules in that version (optional ones may be absent). */
function dependenciesInstalled() {
  const installedLock = join(projectRoot, 'node_modules/.package-lock.json');
  if (!existsSync(installedLock)) return false;
  const wanted = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || installed[path]?.version === entry.version,
  );
}

/** True when dist/main.cjs is newer than everything that it is made from. */
export function buildIsCurrent() {
  const builtAt = modifiedAt(join(projectRoot, 'dist/main.cjs'));
  const inputs = ['package.json', 'scripts/build.mjs', 'scripts/code-cache.cjs', ...filesUnder('src')];
  return inputs.every((path) => modifiedAt(join(projectRoot, path)) <= builtAt);
}

function filesUnder(folder) {
  return readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(folder, entry.parentPath.slice(join(projectRoot, folder).length), entry.name));
}

function modifiedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The npm that runs us, else the one on the PATH. */
function npm() {
  const running = process.env.npm_execpath;
  return running ? [process.execPath, running] : ['npm'];
}

function run([program, ...leading], args) {
  // Results belong to stdout; what a set-up step prints is not one.
  const { status, error } = spawnSync(program, [...leading, ...args], {
    cwd: projectRoot,
    stdio: ['ignore', process.stderr, process.stderr],
  });
  if (status === 0) return;
  say(`"${[program, ...leading, ...args].join(' ')}" failed${error ? `: ${error.message}` : ''}`);
  process.exit(status || 1);
}

/** One line of what happens, on stderr. */
export function say(sentence) {
  process.stderr.write(`sipreg: ${sentence}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) prepareProject();
