#!/usr/bin/env node
// The executable: refuses a Node that is too old in words, then hands over to the bundled program. Plain syntax that
// an old Node can parse too; everything else is in dist/, which the build (npm ci) makes. CommonJS, for a quick start.

'use strict';

const required = [20, 19];
const actual = process.versions.node.split('.').map(Number);

if (actual[0] < required[0] || (actual[0] === required[0] && actual[1] < required[1])) {
  process.stderr.write(
    `sipreg needs Node ${required.join('.')} or newer, and this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install a current Node, or start sipreg with one: /path/to/node bin/sipreg.js\n',
  );
  process.exitCode = 78;
} else {
  try {
    require('../dist/main.cjs');
  } catch (error) {
    const unbuilt = error.code === 'MODULE_NOT_FOUND' && String(error.message).includes('dist/main.cjs');
    process.stderr.write(
      unbuilt
        ? 'sipreg is not built: dist/main.cjs is missing. Run "npm ci" in its folder, which builds it.\n'
        : `sipreg could not start, which is a bug in sipreg: ${error.stack}\n`,
    );
    process.exitCode = 70;
  }
}
