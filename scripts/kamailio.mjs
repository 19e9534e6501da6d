// A Kamailio as a registrar on loopback, for the tests and the bench: what its configuration begins with, and its JSON-RPC
// over its TCP port. What it does with a request is each one's own.

/**
 * The global parameters: UDP and TCP at `port` of loopback, each with so many processes; no name is ever looked up.
 * @param {{ readonly port: number, readonly debug: number, readonly processes: number }} options
 */
export function globalParameters({ port, debug, processes }) {
  return `#!KAMAILIO
debug=${debug}
log_stderror=yes
fork=yes
children=${processes}
tcp_children=${processes}
socket_workers=1
auto_aliases=no
dns=no
rev_dns=no
tcp_accept_no_cl=yes
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}
`;
}

/** A registrar with digest, bindings in memory and JSON-RPC over HTTP. */
export const REGISTRAR_MODULES = `loadmodule "kex.so"
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
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "timer_interval", 1)
`;

/**
 * Calls a method of the Kamailio at `port`; rejects with what it answers when it refuses.
 * @param {number} port
 * @param {string} method
 * @param {readonly unknown[]} params
 * @returns {Promise<any>}
 */
export async function callRpc(port, method, params) {
  const response = await fetch(`http://127.0.0.1:${port}/RPC`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(5000),
  });
  const { result, error } = JSON.parse(await response.text());
  if (error) throw new Error(`kamailio's ${method}: ${error.code} ${error.message}`);
  return result;
}
