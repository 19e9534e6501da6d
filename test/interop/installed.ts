// Which of the real SIP programs are on this machine, so that a test without its peer is skipped, and says why.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SEARCH_PATH } from './child-group.ts';

const PACKAGES = {
  kamailio: 'kamailio kamailio-tls-modules',
  sipp: 'sip-tester',
  baresip: 'baresip',
  knotd: 'knot',
  openssl: 'openssl',
  script: 'bsdutils',
  promtool: 'prometheus',
  tshark: 'tshark',
  sngrep: 'sngrep',
  perl: 'perl-base',
  zsh: 'zsh',
  fish: 'fish',
  man: 'man-db',
  mandoc: 'mandoc',
  'systemd-notify': 'systemd',
  'systemd-analyze': 'systemd',
};

export type Program = keyof typeof PACKAGES;

/** Whether `program` can be started here. */
export function isInstalled(program: Program): boolean {
  return pathOf(program) !== undefined;
}

/** '' when all are installed, else a sentence for the name of a skipped test. */
export function missingPrograms(...programs: readonly Program[]): string {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return '';
  return ` (skipped: apt-get install ${missing.map((program) => PACKAGES[program]).join(' ')})`;
}

function pathOf(program: Program): string | undefined {
  return SEARCH_PATH.split(delimiter)
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}
