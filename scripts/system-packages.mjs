// The programs that the interoperability tests talk to. Where this is root on Debian the missing ones are installed;
// elsewhere it says which tests are skipped and what to install.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { say } from './setup.mjs';

/** Debian package, and the file that shows that it is there (a program's name is looked up on the PATH). */
const packages = [
  { name: 'kamailio', shownBy: ['kamailio'] },
  { name: 'kamailio-tls-modules', shownBy: ['/usr/lib/*/kamailio/modules/tls.so'] },
  { name: 'kamailio-outbound-modules', shownBy: ['/usr/lib/*/kamailio/modules/outbound.so'] },
  { name: 'kamailio-websocket-modules', shownBy: ['/usr/lib/*/kamailio/modules/websocket.so'] },
  { name: 'sip-tester', shownBy: ['sipp'] },
  { name: 'baresip', shownBy: ['baresip'] },
  { name: 'openssl', shownBy: ['openssl'] },
  { name: 'iproute2', shownBy: ['ip'] },
  { name: 'nftables', shownBy: ['nft'] },
  { name: 'knot', shownBy: ['knotd'] },
  { name: 'tshark', shownBy: ['tshark'] },
  { name: 'sngrep', shownBy: ['sngrep'] },
  { name: 'prometheus', shownBy: ['promtool'] },
  { name: 'chromium', shownBy: ['chromium'] },
  { name: 'systemd', shownBy: ['systemd-analyze'] },
  { name: 'zsh', shownBy: ['zsh'] },
  { name: 'fish', shownBy: ['fish'] },
  { name: 'mandoc', shownBy: ['mandoc'] },
  { name: 'man-db', shownBy: ['man'] },
];

/** Installs the missing packages where that is possible, and says what stays missing. Never fails: tests are skipped. */
export function installSystemPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (canInstall()) {
    say(`installing for the interoperability tests: ${missing.join(' ')}`);
    aptInstall(missing);
  }
  const stillMissing = missingPackages();
  if (stillMissing.length === 0) return;
  say(`not installed: ${stillMissing.join(' ')}. The tests in test/interop that need them are skipped;`);
  say(`to run them: apt-get install --no-install-recommends ${stillMissing.join(' ')}`);
}

function missingPackages() {
  return packages.filter(({ shownBy }) => !shownBy.every(isPresent)).map(({ name }) => name);
}

function isPresent(shown) {
  const script = shown.startsWith('/') ? `ls ${shown}` : `command -v ${shown}`;
  const path = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`;
  return (
    spawnSync('/bin/sh', ['-c', script], { stdio: 'ignore', env: { ...process.env, PATH: path } }).status ===
    0
  );
}

function canInstall() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && isPresent('apt-get');
}

function aptInstall(names) {
  const apt = (...args) =>
    spawnSync('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      stdio: ['ignore', 'ignore', process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).status === 0;
  const done = (apt('update') || true) && apt('install', '--no-install-recommends', ...names);
  if (!done) say('apt-get could not install them');
  // Debian starts a freshly installed server; the tests start their own, on ports of their own.
  if (done && names.includes('kamailio') && existsSync('/run/systemd/system')) {
    spawnSync('systemctl', ['disable', '--now', 'kamailio'], { stdio: 'ignore' });
    say('stopped and disabled the kamailio service that the package brought');
  }
}
