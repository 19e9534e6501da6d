// `npm test`: sets everything up, lints, checks the types and the package, and runs the whole suite. Every step runs even if an earlier one
// failed, and the last line counts the tests: "N passed, N failed, N skipped". Arguments go to vitest.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareProject, projectRoot, say } from './setup.mjs';
import { installSystemPackages } from './system-packages.mjs';

prepareProject();
installSystemPackages();

const failedSteps = [];
step('lint', ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings']);
step('types', ['typescript/bin/tsc', '-p', 'tsconfig.json']);
step('types of the core', ['typescript/bin/tsc', '-p', 'src/core']);
step('package', ['publint/src/cli.js', '--strict']);
const counts = runTests(process.argv.slice(2));

if (counts.passed + counts.failed === 0) failedSteps.push('tests: none ran');
if (failedSteps.length > 0) say(`failed: ${failedSteps.join(', ')}`);
process.exitCode = failedSteps.length > 0 || counts.failed > 0 ? 1 : 0;
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);

function step(name, [script, ...args]) {
  say(name);
  const { status } = spawnSync(process.execPath, [join('node_modules', script), ...args], {
    cwd: projectRoot,
    stdio: 'inherit',
  });
  if (status !== 0) failedSteps.push(name);
  return status === 0;
}

function runTests(vitestArguments) {
  const reportFolder = mkdtempSync(join(tmpdir(), 'sipreg-test-'));
  const reportFile = join(reportFolder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    step('tests', ['vitest/vitest.mjs', 'run', ...reporters, ...vitestArguments]);
    return countTests(reportFile);
  } finally {
    rmSync(reportFolder, { recursive: true, force: true });
  }
}

/** A test file that could not even be loaded has no tests to count; it counts as one failure. */
function countTests(reportFile) {
  if (!existsSync(reportFile)) return { passed: 0, failed: 0, skipped: 0 };
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
