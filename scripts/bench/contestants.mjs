// Who is measured, and how each is told to register `count` accounts u0, u1, … with the registrar and keep them so.

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../setup.mjs';
import { ENVIRONMENT, startProcess } from './contestant-process.mjs';
import { PASSWORD, REALM } from './registrar.mjs';

/** By name: how it starts (all of its work is in the process that comes back), and the most accounts that it can take. */
export const contestants = {
  'bare loop': { start: startBareLoop, most: 50_000 },
  sipreg: { start: startSipreg, most: 50_000 },
  'kamailio uac': { start: startKamailioUac, most: 50_000 },
  baresip: { start: startBaresip, most: 200 },
};

function startBareLoop({ folder, registrar, count, expires }) {
  const program = join(projectRoot, 'scripts/bench/bare-loop.mjs');
  return startProcess(process.execPath, [program, String(registrar.port), String(count), String(expires)], {
    cwd: folder,
    logFile: join(folder, 'bare-loop.log'),
  });
}

/** `sipreg run` with pacing off: as fast as the registrar answers. */
async function startSipreg({ folder, registrar, count, expires, nodeOptions = [] }) {
  const home = await mkdtemp(join(folder, 'sipreg-'));
  const accounts = join(home, 'accounts.json');
  await writeFile(accounts, accountsFile(registrar, count, expires), { mode: 0o600 });
  const socket = join(home, 'agent.sock');
  const program = join(projectRoot, 'bin/sipreg.js');
  const args = [...nodeOptions, program, '-q', '-c', accounts, '--socket', socket, 'run', '--keep-bindings'];
  const started = await startProcess(process.execPath, args, {
    cwd: home,
    env: {
      ...ENVIRONMENT,
      HOME: home,
      XDG_STATE_HOME: join(home, 'state'),
      XDG_CONFIG_HOME: join(home, 'config'),
    },
    logFile: join(folder, 'sipreg.log'),
  });
  return { ...started, socket };
}

function accountsFile({ port }, count, expires) {
  const accounts = {};
  for (let index = 0; index < count; index++) {
    accounts[`u${index}`] = { aor: `sip:u${index}@127.0.0.1`, password: PASSWORD };
  }
  const defaults = { registrar: `sip:127.0.0.1:${port}`, transport: 'udp', expires };
  return JSON.stringify({ defaults, accounts, agent: { pacing: 0 } });
}

/** Kamailio as a client: its uac module, the accounts in a text table. */
async function startKamailioUac({ folder, registrar, count, expires }) {
  const home = await mkdtemp(join(folder, 'uac-'));
  const tables = join(home, 'tables');
  await mkdir(tables);
  const port = 20_000 + (registrar.port % 10_000);
  await writeFile(join(tables, 'version'), 'table_name(string) table_version(int)\nuacreg:5\n');
  await writeFile(join(tables, 'uacreg'), uacTable(registrar, port, count, expires));
  const config = join(home, 'uac.cfg');
  await writeFile(config, uacConfiguration(tables, port, count));
  const args = ['-f', config, '-DD', '-E', '-m', '2048', '-M', '512', '-Y', home];
  return startProcess('/usr/sbin/kamailio', args, { cwd: home, logFile: join(folder, 'uac.log') });
}

function uacTable(registrar, port, count, expires) {
  const columns =
    'id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) realm(string) ' +
    'auth_username(string) auth_password(string) auth_ha1(string,null) auth_proxy(string) expires(int) flags(int) reg_delay(int) ' +
    'contact_addr(string) socket(string,null)';
  const rows = Array.from({ length: count }, (_, index) => {
    const user = `u${index}`;
    const proxy = `sip\\:127.0.0.1\\:${registrar.port}`;
    const contact = `127.0.0.1\\:${port}`;
    return [
      ...[index + 1, user, user, '127.0.0.1', user, '127.0.0.1', REALM, user, PASSWORD, '', proxy],
      ...[expires, 0, 0, contact, ''],
    ].join(':');
  });
  return `${[columns, ...rows].join('\n')}\n`;
}

/** It takes what the registrar can answer in a second; more at once is lost, and sent again. */
const UAC_PACE = 2000;

/**
 * As it needs the least: it looks at its accounts once a second, finds them in a table that is large enough (its own has
 * 16 rows), begins no more of them than are answered, and waits for an answer rather than ask again.
 */
function uacConfiguration(tables, port, count) {
  return `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
auto_aliases=no
dns=no
rev_dns=no
disable_tcp=yes
maxbuffer=8388608
listen=udp:127.0.0.1:${port}
loadmodule "db_text.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "rr.so"
loadmodule "uac.so"
modparam("uac", "reg_db_url", "text://${tables}")
modparam("uac", "reg_contact_addr", "127.0.0.1:${port}")
modparam("uac", "reg_timer_interval", 1)
modparam("uac", "reg_random_delay", ${Math.ceil(count / UAC_PACE)})
modparam("uac", "reg_retry_interval", 60)
modparam("uac", "reg_hash_size", ${Math.max(4, Math.ceil(Math.log2(count)))})
modparam("tm", "retr_timer1", 8000)
modparam("tm", "retr_timer2", 8000)
request_route { exit; }
`;
}

async function startBaresip({ folder, registrar, count, expires }) {
  const home = await mkdtemp(join(folder, 'baresip-'));
  const rows = Array.from({ length: count }, (_, index) => {
    const user = `u${index}`;
    return `<sip:${user}@127.0.0.1:${registrar.port};transport=udp>;auth_user=${user};auth_pass=${PASSWORD};regint=${expires}`;
  });
  await writeFile(join(home, 'accounts'), `${rows.join('\n')}\n`);
  await writeFile(
    join(home, 'config'),
    'sip_listen 127.0.0.1:0\nmodule_path /usr/lib/baresip/modules\nmodule account.so\nmodule_app account.so\n',
  );
  return startProcess('/usr/bin/baresip', ['-f', home], { cwd: home, logFile: join(folder, 'baresip.log') });
}
