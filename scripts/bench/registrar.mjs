// The registrar that every contestant registers with: a Kamailio in a process group of its own, digest against one password
// for all, bindings in memory, no log. What has happened is asked of it, never of the contestant.

import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startProcess, until } from './contestant-process.mjs';

export const PASSWORD = 'bench-secret';
export const REALM = 'bench';

/** Starts it in `folder`; it grants what it is asked for. */
export async function startRegistrar(folder) {
  const port = await freePort();
  const config = join(folder, 'registrar.cfg');
  await writeFile(config, configuration(port));
  const logFile = join(folder, 'registrar.log');
  const args = ['-f', config, '-DD', '-E', '-m', '512', '-M', '8', '-Y', folder];
  const registrar = await startProcess('/usr/sbin/kamailio', args, { cwd: folder, logFile });
  const statistics = async (name) => {
    const [line] = await rpc(port, 'stats.get_statistics', [name]);
    return Number(line.split('=')[1]);
  };
  const answers = () =>
    rpc(port, 'core.version', []).then(
      () => true,
      () => false,
    );
  await until(answers, { seconds: 10, what: 'the registrar starts' });
  return {
    port,
    /** Accounts that are registered now. */
    registered: () => statistics('registered_users'),
    /** REGISTERs that it has accepted: all but those that it has challenged. */
    accepted: () => statistics('accepted_regs'),
    /** REGISTERs that it has received. */
    received: () => statistics('rcv_requests_register'),
    stop: registrar.stop,
  };
}

/** A port that is free for UDP and TCP at this moment. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function rpc(port, method, params) {
  const response = await fetch(`http://127.0.0.1:${port}/RPC`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(5000),
  });
  const { result, error } = await response.json();
  if (error !== undefined) throw new Error(`the registrar's ${method}: ${error.message}`);
  return result;
}

function configuration(port) {
  return `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=1
socket_workers=1
auto_aliases=no
dns=no
rev_dns=no
tcp_accept_no_cl=yes
maxbuffer=8388608
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "xhttp.so"
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 1)
modparam("auth", "qop", "auth")
modparam("auth", "nonce_expire", 3600)
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("usrloc", "timer_interval", 1)
request_route {
  force_rport();
  if (!is_method("REGISTER")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if (!pv_www_authenticate("${REALM}", "${PASSWORD}", "0", "$rm")) { www_challenge("${REALM}", "1"); exit; }
  save("location");
  exit;
}
event_route[xhttp:request] { jsonrpc_dispatch(); }
`;
}
