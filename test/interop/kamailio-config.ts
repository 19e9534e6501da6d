// The configuration of the Kamailio that stands for "a real registrar" in the tests: registrar and location table in
// memory, digest against a table of users, every request written to the log, and switches that a test can throw.

import { globalParameters, REGISTRAR_MODULES } from '../../scripts/kamailio.mjs';

export type KamailioOptions = {
  /** Of UDP and TCP, to come back where another one was; a free one by default. */
  readonly port?: number;
  /** Passwords by user name; without it everybody may register without credentials. */
  readonly users?: Readonly<Record<string, string>>;
  /** The realm of the challenge (the domain of the To). */
  readonly realm?: string;
  readonly algorithm?: 'MD5' | 'SHA-256';
  /** `none` makes challenges of RFC 2069, without qop. */
  readonly qop?: 'auth' | 'auth-int' | 'none';
  /** Seconds that a nonce stays good (300). */
  readonly nonceSeconds?: number;
  /** Shorter requests get a 423 with Min-Expires. */
  readonly minExpires?: number;
  readonly defaultExpires?: number;
  readonly maxExpires?: number;
  /** More bindings of one AOR are refused. */
  readonly maxContacts?: number;
  /** Keep the source address of the REGISTER as the binding's `received`, as registrars do for NAT. */
  readonly fixNat?: boolean;
  /** Every second something to each UDP contact, as registrars do to keep NAT bindings open: four zero bytes, or an
   * OPTIONS without which the binding is removed if it has no answer for three seconds. */
  readonly natPing?: 'datagram' | 'options';
  /** Listen on ::1 too, on the same ports. */
  readonly ipv6?: boolean;
  /** Listen at this IPv4 address of the host too, on the same port of UDP and TCP. */
  readonly alsoAt?: string;
  /** Makes the TLS port. */
  readonly tls?: KamailioTls;
  /** Opens WebSockets (RFC 7118): ws on the TCP port, wss on the TLS port, both at this path only. */
  readonly webSocketPath?: string;
  /** RFC 5626: the registrar takes part in outbound, and STUN is answered on the UDP port. */
  readonly outbound?: KamailioOutbound;
};

type KamailioOutbound = {
  /** Seconds of the Flow-Timer field; without it there is none. */
  readonly flowTimer?: number;
  /** Where the registrar is: then this one is an edge proxy, which adds its Path and forwards REGISTERs to that port. */
  readonly registrarPort?: number;
};

/** Files that `rpc('tls.reload')` reads again. */
type KamailioTls = {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Demand a client certificate that this CA has signed. */
  readonly clientCaFile?: string;
};

export type KamailioPorts = { readonly port: number; readonly tlsPort: number };

/** The text of kamailio.cfg; `tlsConfigFile` is where tlsConfig()'s text will be. */
export function kamailioConfig(
  options: KamailioOptions,
  ports: KamailioPorts,
  tlsConfigFile: string,
): string {
  const tls = options.tls ? `loadmodule "tls.so"\nmodparam("tls", "config", "${tlsConfigFile}")\n` : '';
  return [globals(options, ports), modules(options), tls, extensions(options), routes(options)].join('\n');
}

/** The text of tls.cfg, in a file of its own because `tls.reload` reads nothing else. */
export function tlsConfig({ certificateFile, keyFile, clientCaFile }: KamailioTls): string {
  const demand =
    clientCaFile === undefined
      ? ''
      : `ca_list = ${clientCaFile}\nverify_certificate = yes\nrequire_certificate = yes\n`;
  return `[server:default]
method = TLSv1.2+
certificate = ${certificateFile}
private_key = ${keyFile}
${demand}`;
}

function globals({ tls, ipv6, alsoAt }: KamailioOptions, { port, tlsPort }: KamailioPorts): string {
  return `${globalParameters({ port, debug: 1, processes: 2 })}
tcp_reuse_port=no
${alsoAt ? `listen=udp:${alsoAt}:${port}\nlisten=tcp:${alsoAt}:${port}` : ''}
${ipv6 ? `listen=udp:[::1]:${port}\nlisten=tcp:[::1]:${port}` : ''}
${tls ? `enable_tls=yes\nlisten=tls:127.0.0.1:${tlsPort}` : ''}
`;
}

function modules(options: KamailioOptions): string {
  const { algorithm = 'MD5', qop = 'auth', nonceSeconds = 300 } = options;
  const { minExpires, defaultExpires = 3600, maxExpires, maxContacts = 0 } = options;
  return `
${REGISTRAR_MODULES}
loadmodule "xlog.so"
loadmodule "htable.so"
loadmodule "nathelper.so"
modparam("xlog", "buf_size", 65536)
modparam("auth", "algorithm", "${algorithm}")
${qop === 'none' ? '' : `modparam("auth", "qop", "${qop}")`}
modparam("auth", "nonce_expire", ${nonceSeconds})
modparam("registrar", "default_expires", ${defaultExpires})
${minExpires === undefined ? '' : `modparam("registrar", "min_expires", ${minExpires})`}
modparam("registrar", "min_expires_mode", 1)
${maxExpires === undefined ? '' : `modparam("registrar", "max_expires", ${maxExpires})`}
modparam("registrar", "max_contacts", ${maxContacts})
modparam("registrar", "received_avp", "$avp(received)")
modparam("nathelper", "received_avp", "$avp(received)")
${natPings(options)}
modparam("htable", "htable", "users=>size=6;autoexpire=0")
modparam("htable", "htable", "switches=>size=4;autoexpire=0")
`;
}

/** Modules of the options that need some. */
function extensions({ webSocketPath, outbound }: KamailioOptions): string {
  const { flowTimer } = outbound ?? {};
  const webSocket = webSocketPath === undefined ? '' : 'loadmodule "websocket.so"\n';
  if (outbound === undefined) return webSocket;
  return `${webSocket}
loadmodule "stun.so"
loadmodule "outbound.so"
loadmodule "rr.so"
loadmodule "path.so"
modparam("registrar", "outbound_mode", 1)
modparam("registrar", "use_path", 1)
modparam("registrar", "path_mode", 1)
${flowTimer === undefined ? '' : `modparam("registrar", "flow_timer", ${flowTimer})`}
`;
}

function natPings({ natPing }: KamailioOptions): string {
  if (natPing === undefined) return '';
  const sip = `modparam("nathelper", "sipping_bflag", 7)
modparam("nathelper", "sipping_from", "sip:pinger@pbx.test")
modparam("nathelper", "keepalive_timeout", 3)`;
  return `modparam("nathelper", "natping_interval", 1)
modparam("nathelper", "natping_processes", 1)
modparam("nathelper", "ping_nated_only", 0)
${natPing === 'options' ? sip : ''}`;
}

/** RFC 5626 §5.1: REGISTERs go on with a Path that holds the flow, requests of the registrar come back along it. */
function edgeRoute(registrarPort: number): string {
  return `
  if (is_method("REGISTER")) {
    remove_hf("Route");
    if (!add_path()) { sl_send_reply("500", "No Path"); exit; }
    $du = "sip:127.0.0.1:${registrarPort}";
    t_relay();
    exit;
  }
  if (loose_route()) { t_relay(); exit; }`;
}

/** Which certificate the client of each request has shown, by its subject. */
function clientCertificateLog({ tls }: KamailioOptions): string {
  return tls?.clientCaFile === undefined
    ? ''
    : `\n  xlog("L_ALERT", "CLIENT-CERTIFICATE $tls_peer_subject_cn\\n");`;
}

/** A message is one line in the log (base64), so that a test can compare the bytes that arrived. */
function routes(options: KamailioOptions): string {
  const { users, realm = '$td', fixNat, natPing, qop = 'auth', webSocketPath, outbound } = options;
  const challengeFlags = { none: 0, auth: 1, 'auth-int': 2 }[qop];
  return `
request_route {
  # Until its users are in the table nobody is heard: to refuse a right password would be a lie.
  if ($sht(switches=>open) != "yes") { exit; }
  xlog("L_ALERT", "RECEIVED $si $sp $proto $(mb{s.encode.base64})\\n");${clientCertificateLog(options)}
  if ($sht(switches=>silent) == "yes") { exit; }
  force_rport();
  if ($sht(switches=>status) != $null) {
    if ($sht(switches=>header) != $null) { append_to_reply("$sht(switches=>header)\\r\\n"); }
    sl_send_reply("$sht(switches=>status)", "$sht(switches=>reason)");
    exit;
  }
${outbound?.registrarPort === undefined ? '' : edgeRoute(outbound.registrarPort)}
  if (is_method("REGISTER")) { route(REGISTRAR); }
  if (is_method("OPTIONS") && $rU == $null) { sl_send_reply("200", "OK"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
  if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
  if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
  t_relay();
}

route[REGISTRAR] {
${
  users === undefined
    ? ''
    : `  if (!pv_www_authenticate("${realm}", "$sht(users=>$au)", "0", "$rm")) {
    $var(outcome) = $retcode;
    # Without a user in the table the function has no password to compare, and says only "error".
    if ($au == $null) { $var(outcome) = -5; }
    else if ($sht(users=>$au) == $null) { $var(outcome) = -3; }
    xlog("L_ALERT", "AUTHENTICATION $var(outcome) $au\\n");
    www_challenge("${realm}", "${challengeFlags}");
    exit;
  }
  xlog("L_ALERT", "AUTHENTICATION 1 $au\\n");`
}
${fixNat ? '  fix_nated_register();' : ''}
${natPing === 'options' ? '  setbflag(7);' : ''}
  save("location");
  exit;
}

event_route[xhttp:request] {
${
  webSocketPath === undefined
    ? ''
    : `  if ($hdr(Upgrade) =~ "websocket") {
    xlog("L_ALERT", "HANDSHAKE $proto $hu $hdr(Host)\\n");
    if ($hu != "${webSocketPath}") { xhttp_reply("404", "Not Found", "", ""); exit; }
    ws_handle_handshake();
    exit;
  }`
}
  jsonrpc_dispatch();
}
`;
}
