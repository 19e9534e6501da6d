// A guard against changes that make sipreg dear: the bench's short form registers a thousand accounts with a real Kamailio,
// and compares with the bare Node loop of the same run, so that the speed of the machine does not matter.

import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { isInstalled, missingPrograms } from './installed.ts';

it.skipIf(!isInstalled('kamailio'))(
  `a thousand cold registrations cost no more than they should${missingPrograms('kamailio')}`,
  () => {
    const args = ['scripts/bench.mjs', 'cold', '--sizes', '1000', '--rounds', '1', '--check'];
    const bench = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(bench.stdout).toContain('1000 sipreg');
    expect(bench.status, bench.stdout + bench.stderr).toBe(0);
  },
  120_000,
);
