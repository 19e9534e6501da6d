// scripts/build.mjs where nothing is installed: `npm install --global .` and `npm pack` run it in a fresh clone.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';

/** A clone in which nothing was installed, with its build script. */
function freshClone(): string {
  const clone = mkdtempSync(join(tmpdir(), 'sipreg-clone-'));
  onTestFinished(() => rmSync(clone, { recursive: true }));
  mkdirSync(join(clone, 'scripts'));
  for (const path of ['package.json', 'scripts/build.mjs'])
    cpSync(join(projectRoot, path), join(clone, path));
  return clone;
}

function build(clone: string) {
  return spawnSync(process.execPath, [join(clone, 'scripts/build.mjs')], { encoding: 'utf8' });
}

it('says what to run first in a clone where nothing is installed', () => {
  const { status, stderr } = build(freshClone());
  expect(stderr).toBe('esbuild is not installed, which builds dist/: run "npm ci" in this folder first\n');
  expect(status).toBe(1);
});

it('keeps the dist/ that it was given where the bundler is left out', () => {
  const clone = freshClone();
  mkdirSync(join(clone, 'dist'));
  writeFileSync(join(clone, 'dist/main.cjs'), '');
  expect(build(clone)).toMatchObject({ status: 0, stderr: expect.stringContaining('stays as it is') });
});
