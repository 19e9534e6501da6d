// Verdicts: what went wrong, in a stable code and in words for the person who is woken by it. This table is the
// only list of failure codes; exit codes, documentation and tests derive from it.

export type Stage = 'config' | 'secret' | 'dns' | 'connect' | 'tls' | 'register' | 'auth' | 'internal';

/** Exit code of a command that ends with the failure (interface.md, "Exit codes"). */
export type FailureExit = 64 | 66 | 68 | 69 | 70 | 75 | 76 | 77 | 78;

type VerdictRule = { readonly exit: FailureExit; readonly meaning: string; readonly remedy: string };

/** Every failure code; the part before the dot is the stage. */
export const VERDICTS = {
  'config.invalid': {
    exit: 78,
    meaning: 'the configuration does not allow this account to register',
    remedy: 'run "sipreg config check" and correct what it names',
  },
  'secret.unreadable': {
    exit: 78,
    meaning: 'the password or HA1 could not be read from where the account says it is',
    remedy: 'check that the file, variable, command or credential exists and is readable by this user',
  },
  'dns.no-such-name': {
    exit: 68,
    meaning: 'DNS says that the name does not exist',
    remedy: 'check the spelling of the registrar and which DNS servers this host asks',
  },
  'dns.no-address': {
    exit: 68,
    meaning: 'the name exists, but has no address that this host can use',
    remedy: 'ask the provider for the right name, or check IPv4 and IPv6 on this host',
  },
  'dns.not-offered': {
    exit: 68,
    meaning: 'DNS says that the domain does not offer SIP over this transport',
    remedy: 'set another "transport", or ask the provider for the right name of the registrar',
  },
  'dns.timeout': {
    exit: 68,
    meaning: 'no DNS server answered in time',
    remedy: 'check the DNS servers in /etc/resolv.conf (or dns.servers) and the network',
  },
  'dns.failed': {
    exit: 68,
    meaning: 'the DNS server answered with an error',
    remedy: 'ask another DNS server (dns.servers) or its operator',
  },
  'connect.refused': {
    exit: 69,
    meaning: 'the address answers, but nothing listens on that port and transport',
    remedy: 'check port and transport, and whether the SIP server runs',
  },
  'connect.timeout': {
    exit: 69,
    meaning: 'the connection did not come about in time',
    remedy: 'check the address and any firewall on the way',
  },
  'connect.unreachable': {
    exit: 69,
    meaning: 'there is no route to the address',
    remedy: 'check the network of this host and the address',
  },
  'connect.closed': {
    exit: 69,
    meaning: 'the connection was closed before the registrar answered',
    remedy:
      'check port and transport (a port for TLS takes no plain text), and look at the log of the SIP server; it may not allow this address',
  },
  'connect.local-address': {
    exit: 69,
    meaning: 'the local address or port cannot be used',
    remedy: 'correct "local", or end the program that holds the port',
  },
  'connect.websocket-refused': {
    exit: 69,
    meaning: 'the web server did not open a WebSocket',
    remedy: 'check the path of the ws: or wss: URI, and whether the server lets this host in',
  },
  'connect.websocket-protocol': {
    exit: 76,
    meaning: 'what answers there does not speak SIP over WebSocket',
    remedy: 'check port and path; without WebSocket use transport tcp or tls',
  },
  'connect.no-pong': {
    exit: 69,
    meaning: 'what keeps the connection open was not answered, so the connection is dead',
    remedy:
      'nothing to do here; if it happens often, a NAT or firewall forgets it: shorten keepalive.interval',
  },
  'connect.mapping-changed': {
    exit: 69,
    meaning: 'a NAT on the way gave the connection another public address',
    remedy: 'nothing to do here; if it happens often, shorten keepalive.interval',
  },
  'connect.local-gone': {
    exit: 69,
    meaning: 'this host has lost the address that the connection used',
    remedy: 'nothing to do here if the network was changed; else check the interfaces of this host',
  },
  'connect.route-changed': {
    exit: 69,
    meaning: 'this host now reaches the server from another of its addresses',
    remedy: 'nothing to do here; to stay on one address, set "local"',
  },
  'connect.failed': {
    exit: 69,
    meaning: 'the message could not be sent',
    remedy: 'read the cause; check the network of this host',
  },
  'tls.expired': {
    exit: 76,
    meaning: 'a certificate has expired',
    remedy: 'check the clock of this host first; else the certificate has to be renewed',
  },
  'tls.not-yet-valid': {
    exit: 76,
    meaning: 'a certificate is not valid yet',
    remedy: 'check the clock of this host first',
  },
  'tls.name-mismatch': {
    exit: 76,
    meaning: 'the certificate is for another name',
    remedy: "check the registrar's name, or set tls.serverName or tls.verify",
  },
  'tls.untrusted': {
    exit: 76,
    meaning: 'nobody whom this host trusts has signed the certificate',
    remedy: 'put the issuing CA (or the missing intermediate) into tls.ca, or pin the certificate',
  },
  'tls.pin-mismatch': {
    exit: 76,
    meaning: 'the certificate is none of those in tls.pins',
    remedy: 'add the new pin if the change is known and wanted; else treat it as an attack',
  },
  'tls.purpose': {
    exit: 76,
    meaning: 'the certificate is not made for servers',
    remedy: 'the provider has to install a server certificate',
  },
  'tls.weak': {
    exit: 76,
    meaning: 'the certificate uses a key or a signature that is too weak',
    remedy: 'the provider has to renew it with a current algorithm',
  },
  'tls.version': {
    exit: 76,
    meaning: 'both sides have no TLS version in common',
    remedy: 'compare tls.minVersion with what the server offers',
  },
  'tls.handshake': {
    exit: 76,
    meaning: 'the server refused the handshake',
    remedy: 'there is no common cipher, or the server wants a client certificate (tls.cert, tls.key)',
  },
  'tls.client-certificate': {
    exit: 76,
    meaning: 'the server does not accept our client certificate, or wants one',
    remedy: 'configure tls.cert and tls.key with a certificate that the server trusts',
  },
  'tls.own-material': {
    exit: 76,
    meaning: 'our own certificate, key or CA file cannot be used',
    remedy: 'check tls.cert, tls.key and tls.ca; certificate and key must belong together',
  },
  'tls.not-tls': {
    exit: 76,
    meaning: 'what answers there does not speak TLS',
    remedy: 'check the port (5061 for TLS), or use transport tcp',
  },
  'tls.closed': {
    exit: 76,
    meaning: 'the server closed the connection during the handshake',
    remedy: 'the server may not allow this address, or may want another name (tls.serverName)',
  },
  'tls.timeout': {
    exit: 76,
    meaning: 'the server accepted the connection and then said nothing',
    remedy: 'check that the port speaks TLS, and any firewall on the way',
  },
  'tls.failed': {
    exit: 76,
    meaning: 'the TLS handshake failed',
    remedy: 'read the cause',
  },
  'register.timeout': {
    exit: 69,
    meaning: 'the registrar did not answer',
    remedy:
      'check the address, the transport and any firewall; the server may drop requests of hosts it does not know',
  },
  'register.rejected': {
    exit: 75,
    meaning: 'the registrar refused',
    remedy: 'read the status and the reason; ask the provider',
  },
  'register.unavailable': {
    exit: 75,
    meaning: 'the registrar cannot serve this now',
    remedy: 'wait: the agent tries again by itself, a single command has to be given again',
  },
  'register.not-found': {
    exit: 75,
    meaning: 'the registrar does not know the account',
    remedy: 'check the user part and the domain of the aor',
  },
  'register.forbidden': {
    exit: 77,
    meaning: 'the registrar forbids it',
    remedy: 'ask the provider: too many contacts, an address that is not allowed, or a blocked account',
  },
  'register.interval': {
    exit: 75,
    meaning: 'registrar and account do not agree on how long a registration lasts',
    remedy: 'set a longer "expires"',
  },
  'register.busy': {
    exit: 75,
    meaning: 'another sipreg process has a REGISTER of this account under way',
    remedy: 'wait for it; if it hangs, end the process that is named',
  },
  'register.removed': {
    exit: 75,
    meaning: 'the registrar answered success, but removed our contact',
    remedy: 'ask the provider; another device or a policy may forbid this contact',
  },
  'register.forgotten': {
    exit: 75,
    meaning: 'the registrar no longer has our contact, although its time is not over',
    remedy:
      'register again with "sipreg refresh ACCOUNT"; if it happens again, the registrar loses its bindings, or somebody removes them',
  },
  'register.redirected': {
    exit: 75,
    meaning: 'the registrar sends us elsewhere, and that cannot be followed',
    remedy: 'set "registrar" or "outboundProxy" to where the account is served',
  },
  'register.extension': {
    exit: 75,
    meaning: 'the registrar demands or refuses a SIP extension',
    remedy: 'ask the provider which extension is needed',
  },
  'register.not-sip': {
    exit: 76,
    meaning: 'what answers there is not SIP',
    remedy: 'check the address and the port (mostly 5060), and which program listens there',
  },
  'auth.rejected': {
    exit: 77,
    meaning: 'the registrar does not accept the user name or the password',
    remedy: 'check username, password and realm',
  },
  'auth.no-credentials': {
    exit: 77,
    meaning: 'the registrar asks for credentials, and the account has none for its realm',
    remedy: 'set username and password, or add the realm to credentials',
  },
  'auth.no-algorithm': {
    exit: 77,
    meaning:
      'the registrar offers no Digest challenge that the account can answer, or that its "digest" allows',
    remedy: 'set the password in place of an ha1, or ask the provider for Digest with MD5 or SHA-256',
  },
  'auth.looping': {
    exit: 77,
    meaning: 'the registrar calls every nonce stale',
    remedy: "check the clocks of the registrar's hosts and what stands between",
  },
  'internal.bug': {
    exit: 70,
    meaning: 'sipreg itself failed',
    remedy: 'please report it with the message and the version',
  },
} as const satisfies Record<`${Stage}.${string}`, VerdictRule>;

export type VerdictCode = keyof typeof VERDICTS;

/** A failure with its evidence. `cause` says what happened in words; no field ever holds a secret. */
export type Failure = {
  readonly stage: Stage;
  readonly code: VerdictCode;
  /** The SIP status code, when an answer brought the failure. */
  readonly status: number | null;
  /** The reason phrase of that answer. */
  readonly reason: string | null;
  readonly cause: string;
  readonly advice: string;
  readonly retryAfterSeconds: number | null;
};

type FailureDetails = Partial<Pick<Failure, 'status' | 'reason' | 'advice' | 'retryAfterSeconds'>>;

/** A failure of the given code; the remedy of the table is the advice unless `details` has a better one. */
export function failureOf(code: VerdictCode, cause: string, details: FailureDetails = {}): Failure {
  return {
    stage: code.slice(0, code.indexOf('.')) as Stage,
    code,
    status: null,
    reason: null,
    cause,
    advice: VERDICTS[code].remedy,
    retryAfterSeconds: null,
    ...details,
  };
}

/** The exit code of a command that ends with `code`. */
export function exitOf(code: VerdictCode): FailureExit {
  return VERDICTS[code].exit;
}
