#!/usr/bin/env node
// `sipreg check` under the name that a monitoring system expects of a plugin. What keeps it from starting is told on stdout
// and is UNKNOWN (3), as the Monitoring Plugins guidelines have it. Plain syntax that an old Node can parse too.

'use strict';

const required = [20, 19];
const actual = process.versions.node.split('.').map(Number);

if (actual[0] < required[0] || (actual[0] === required[0] && actual[1] < required[1])) {
  refuse(
    `it needs Node ${required.join('.')} or newer, and this is ${process.versions.node} (${process.execPath})`,
  );
} else {
  process.argv.splice(2, 0, 'check');
  try {
    require('../dist/main.cjs');
  } catch (error) {
    const unbuilt = error.code === 'MODULE_NOT_FOUND' && String(error.message).includes('dist/main.cjs');
    refuse(
      unbuilt
        ? 'sipreg is not built: run "npm ci" in its folder'
        : `sipreg could not start: ${error.message}`,
    );
  }
}

function refuse(problem) {
  process.stdout.write(`SIPREG UNKNOWN: ${problem}\n`);
  process.exitCode = 3;
}
