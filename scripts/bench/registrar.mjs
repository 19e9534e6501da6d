// The registrar that every contestant registers with: a Kamailio in a process group of its own, digest against one password
// for all, bindings in memory, no log. What has happened is asked of it, never of the contestant.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.mjs';
import { callRpc, globalParameters, REGISTRAR_MODULES } from '../kamailio.mjs';
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
    const [line] = await callRpc(port, 'stats.get_statistics', [name]);
    return Number(line.split('=')[1]);
  };
  const answers = () =>
    callRpc(port, 'core.version', []).then(
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

function configuration(port) {
  return `${globalParameters({ port, debug: 0, processes: 1 })}
maxbuffer=8388608
${REGISTRAR_MODULES}
modparam("auth", "qop", "auth")
modparam("auth", "nonce_expire", 3600)
modparam("usrloc", "hash_size", 14)
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
