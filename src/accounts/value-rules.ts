// What a single value of the accounts file must look like. Every text that ends up in a SIP message passes here, so
// that no configuration can put a second header line into a REGISTER. A complaint never repeats the value: it may be
// a secret in the wrong place. Rules about several keys are in consistency.ts, the shape of the file in schema.ts.

import { ipVersion } from '../core/sip/ip.ts';
import { isToken } from '../core/sip/scan.ts';
import { TRANSPORTS } from '../core/sip/transport.ts';
import { parseUri, type SipUri, unescape as unescapeUser, uriParam } from '../core/sip/uri.ts';
import { isWebSocketUri, parseWebSocketUri } from './websocket-uri.ts';

/** What is wrong with a value, and what to write in its place; null: nothing. */
type Complaint = { readonly message: string; readonly hint: string | null };
export type Rule = (text: string) => Complaint | null;

/** In one sentence, where there is no place of its own for the hint. */
export function wordsOf({ message, hint }: Complaint): string {
  return hint === null ? message : `${message}: ${hint}`;
}

/** One line of text: no line break, no other control character. */
export const lineRule: Rule = (text) =>
  CONTROL.test(text) ? complain('holds a line break or another control character') : null;

/** One line that is not empty. */
export const wordRule: Rule = (text) => (text === '' ? complain('must not be empty') : lineRule(text));

/** A path of the file system. */
export const pathRule: Rule = (text) => (text === '' ? complain('must be a path') : lineRule(text));

/** A path for a Unix socket: the kernel takes 107 bytes (unix(7)), macOS 103. */
export const socketPathRule: Rule = (text) =>
  Buffer.byteLength(text) > 103 ? complain('is too long for a socket (103 bytes)') : pathRule(text);

/** The name under which an account is known in commands, files and metrics. */
export const accountNameRule: Rule = (text) => {
  if (/^[A-Za-z0-9_+@][A-Za-z0-9._+@-]{0,63}$/.test(text)) return null;
  return complain(
    'is no account name',
    'use up to 64 letters, digits and . _ - + @, not beginning with a dot or dash',
  );
};

/** A whole SIP URI: the AOR, From, a Contact. */
export const uriRule: Rule = (text) => {
  const control = lineRule(text);
  if (control) return control;
  const parsed = parseUri(text);
  if (!parsed.ok) {
    return complain('is no sip: or sips: URI', 'write it like sip:1008@pbx.example.com');
  }
  const uri = parsed.value;
  if (uri.password !== null) {
    return complain('holds a password', 'take it out of the URI and set it as "password"');
  }
  if (uri.headers.length > 0) {
    return complain('has header fields ("?…")', 'set them as "headers"');
  }
  // "%0d%0a" is harmless in a URI, but not in the digest user name that is made from it.
  if (uri.user !== null && CONTROL.test(unescapeUser(uri.user))) {
    return complain('has an escaped line break or control character in its user part');
  }
  return null;
};

/** A server: a SIP URI without a user (RFC 3261 §10.2: the Request-URI of a REGISTER has none). */
export const serverRule: Rule = (text) => {
  const parsed = parseUri(text);
  if (isWebSocketUri(text)) {
    return complain('is the URI of a WebSocket', 'set it as "outboundProxy", and here the SIP domain');
  }
  if (!parsed.ok && !CONTROL.test(text)) {
    return complain('is no sip: or sips: URI', 'write it like sip:pbx.example.com');
  }
  if (parsed.ok && parsed.value.user !== null && parsed.value.password === null) {
    return complain('names a user', 'write the server only, like sip:pbx.example.com');
  }
  return uriRule(text) ?? (parsed.ok ? transportComplaint(parsed.value) : null);
};

/** RFC 3263 §4.1: the transport that a URI names is used, and no other in its place. */
function transportComplaint(uri: SipUri): Complaint | null {
  const named = uriParam(uri, 'transport');
  if (named === undefined) return null;
  const transport = named.value?.toLowerCase() ?? '';
  if (!TRANSPORTS.some((known) => known === transport)) {
    return complain('names a transport that sipreg does not speak', `use one of ${TRANSPORTS.join(', ')}`);
  }
  // RFC 3261 §26.2.2: TLS is over a stream.
  return uri.scheme === 'sips' && transport === 'udp'
    ? complain('is a sips: URI over UDP, which has no TLS', 'use ;transport=tcp, or leave it out')
    : null;
}

/** A proxy: a server, or the URI of a WebSocket, which alone may have a path (RFC 6455 §3). */
export const proxyRule: Rule = (text) => {
  if (isWebSocketUri(text)) {
    const control = lineRule(text);
    if (control) return control;
    return parseWebSocketUri(text) === null
      ? complain('is no ws: or wss: URI', 'write it like wss://pbx.example.com/ws, without user and "#"')
      : null;
  }
  return /^sips?:[^?]*\//i.test(text) && !parseUri(text).ok
    ? complain('has a path, which only ws: and wss: URIs have', 'write it like wss://pbx.example.com/ws')
    : serverRule(text);
};

/** The name of an extra header field: a token, and none that the agent sets itself. */
export const headerNameRule: Rule = (text) => {
  if (!isToken(text)) return complain('is no header field name');
  const owned = OWNED_HEADERS.get(text.toLowerCase());
  return owned === undefined ? null : complain('is set by sipreg itself', owned);
};

/** The name of a parameter of our Contact. */
export const contactParamNameRule: Rule = (text) => {
  if (!isToken(text)) return complain('is no parameter name');
  const owned = OWNED_CONTACT_PARAMS.get(text.toLowerCase());
  return owned === undefined ? null : complain('is set by sipreg itself', owned);
};

/** The name of a parameter inside our Contact's URI. */
export const uriParamNameRule: Rule = (text) => {
  if (!isToken(text)) return complain('is no parameter name');
  return text.toLowerCase() === 'transport'
    ? complain('is set by sipreg itself', 'choose it with "transport"')
    : null;
};

/** The value of a URI parameter: paramchar of RFC 3261 §25.1. */
export const uriParamValueRule: Rule = (text) =>
  text === '' || NO_URI_PARAM_TEXT.test(text)
    ? complain('has characters that a URI parameter cannot hold', 'escape them as %XX')
    : null;

/** Searching for what is wrong takes no stack, however long the text. */
const NO_URI_PARAM_TEXT = /[^A-Za-z0-9\-_.!~*'()[\]/:&+$%]|%(?![0-9A-Fa-f]{2})/;

/** HA1 in hexadecimal: 32 digits of MD5, or 64 of SHA-256 or SHA-512-256 (RFC 7616 §3.4.2). */
export const ha1Rule: Rule = (text) =>
  /^(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{64})$/.test(text)
    ? null
    : complain('is no HA1', 'it is 32 (MD5) or 64 (SHA-256, SHA-512-256) hexadecimal digits');

/** Exactly `digits` hexadecimal digits. */
export function hexRule(digits: number): Rule {
  return (text) =>
    /^[0-9a-f]*$/i.test(text) && text.length === digits
      ? null
      : complain(`must be ${digits} hexadecimal digits`);
}

/** A URN for +sip.instance: a UUID, or a kind whose construction an RFC defines (RFC 5626 §4.1). */
export const urnRule: Rule = (text) => {
  if (/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return null;
  // RFC 7255 (IMEI), RFC 8464 (MEID), RFC 9039 (device identifiers).
  if (/^urn:(gsma|device-id|dev):[a-z0-9()+,\-.:=@;$_!*'%/]+$/i.test(text)) return null;
  return complain(
    'is no URN of a device',
    'write it like urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11, without < and >',
  );
};

/** An IP address and a port; port 0 leaves the choice to the system. */
export const socketAddressRule: Rule = (text) =>
  splitSocketAddress(text) === null || !/:\d+$/.test(text) || ipVersion(text) !== 0
    ? complain('is no address with a port', 'write it like 0.0.0.0:0, 192.0.2.50:5060 or [::]:0')
    : null;

/** A DNS server: an IP address, with a port if it is not 53. */
export const dnsServerRule: Rule = (text) =>
  (splitSocketAddress(text)?.port ?? 53) === 0 || splitSocketAddress(text) === null
    ? complain('is no DNS server', 'write its address like 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:53')
    : null;

/** Where the agent's HTTP server listens. */
export const listenRule: Rule = (text) => {
  const parts = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text);
  const valid =
    parts !== null && Number(parts[3]) <= 65_535 && (parts[1] === undefined || ipVersion(parts[1]) === 6);
  return valid ? null : complain('is no address with a port', 'write it like 127.0.0.1:9724');
};

/** Another host and its port. */
export const collectorRule: Rule = (text) =>
  listenRule(text) === null && !text.endsWith(':0')
    ? null
    : complain('is no host with a port', 'write it like 192.0.2.9:9060');

/** Where a notice is sent, when it stands in the accounts file. */
export const httpUrlRule: Rule = (text) =>
  CONTROL.test(text) || !URL.canParse(text) || !/^https?:/i.test(text)
    ? complain('is no http: or https: URL', 'write it like https://hooks.example.com/sipreg')
    : null;

/** What clients show in a header field (RFC 6750 §2.1). */
export const tokenRule: Rule = (text) => {
  if (text === '') return complain('must not be empty', 'nobody could be told from anybody');
  return /^[!-~]+$/.test(text)
    ? null
    : complain('can be shown by nobody', 'use letters, digits and signs of ASCII, and no spaces');
};

/** An environment variable's name. */
export const variableRule: Rule = (text) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? null : complain('is no name of an environment variable');

/** The ID of a systemd credential: a file name inside $CREDENTIALS_DIRECTORY. */
export const credentialIdRule: Rule = (text) =>
  /^[A-Za-z0-9_.@:-]{1,255}$/.test(text) && text !== '.' && text !== '..'
    ? null
    : complain('is no credential ID', 'it is the ID of LoadCredential=, not a path');

/** SHA-256 of a certificate or of its public key: hexadecimal, with or without colons, or base64. */
export const pinRule: Rule = (text) =>
  /^[0-9a-f]{64}$/i.test(text.replaceAll(':', '')) || /^(sha256\/{1,2})?[A-Za-z0-9+/]{43}=?$/.test(text)
    ? null
    : complain(
        'is no SHA-256 fingerprint',
        'take the 64 hexadecimal digits of "openssl x509 -fingerprint -sha256"',
      );

/** A host name or address, for TLS. */
export const hostNameRule: Rule = (text) =>
  /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text) || ipVersion(text) !== 0
    ? null
    : complain('is no host name');

/** A SIP method that a peer may send us and that gets a configured answer. */
export const answeredMethodRule: Rule = (text) => {
  if (!isToken(text) || text !== text.toUpperCase()) {
    return complain('is no SIP method', 'methods are upper-case, like INVITE');
  }
  return text === 'ACK' || text === 'CANCEL'
    ? complain('gets no answer of its own', 'configure the answer to INVITE')
    : null;
};

/** "192.0.2.1:5060", "[::1]:5060" or a bare address in its two parts; null when it is none. Bare: port is null. */
export function splitSocketAddress(text: string): { address: string; port: number | null } | null {
  if (ipVersion(text) !== 0) return { address: text, port: null };
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) return null;
  const address = parts[1] ?? parts[2] ?? '';
  if (ipVersion(address) !== (parts[1] === undefined ? 4 : 6)) return null;
  const port = parts[3] === undefined ? null : Number(parts[3]);
  return port !== null && port > 65_535 ? null : { address, port };
}

/** Whether `ha1` is one source (a key of `sources`) and nothing else, or values for algorithms and no source. */
export function isOneHa1OrSource(ha1: object, sources: object): boolean {
  const keys = Object.keys(ha1);
  const count = keys.filter((key) => Object.hasOwn(sources, key)).length;
  return count === 1 ? keys.length === 1 : count === 0 && keys.length > 0;
}

/** Names of parameters do not depend on case, so that each must stand once (RFC 3261 §7.3.1, RFC 3840 §9). */
export function repeatedNames(params: object): readonly string[] {
  const names = Object.keys(params);
  const lower = names.map((name) => name.toLowerCase());
  return names.filter((name, at) => lower.indexOf(name.toLowerCase()) < at);
}

function complain(message: string, hint: string | null = null): Complaint {
  return { message, hint };
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

const COMPUTED = 'leave it out';

/** Header fields (and their compact forms) that sipreg writes, with what to use in their place. */
const OWNED_HEADERS: ReadonlyMap<string, string> = new Map([
  ...['via', 'v', 'max-forwards', 'call-id', 'i', 'cseq', 'content-length', 'l', 'content-type', 'c'].map(
    (name) => [name, COMPUTED] as const,
  ),
  ['from', 'set the account\'s "from"'],
  ['f', 'set the account\'s "from"'],
  ['to', 'it is the account\'s "aor"'],
  ['t', 'it is the account\'s "aor"'],
  ['contact', 'set "contact" or "contactParams"'],
  ['m', 'set "contact" or "contactParams"'],
  ['expires', 'set the account\'s "expires"'],
  ['route', 'set "outboundProxy"'],
  ['record-route', COMPUTED],
  ['authorization', 'set "username" and "password", or "initialAuthorization"'],
  ['proxy-authorization', 'set "username" and "password", or "credentials"'],
  ['user-agent', 'set "userAgent"'],
  ['k', 'write the long name, Supported'],
]);

const OWNED_CONTACT_PARAMS: ReadonlyMap<string, string> = new Map([
  ['expires', 'set the account\'s "expires"'],
  ['+sip.instance', 'set "instanceId"'],
  ['reg-id', 'set "outbound"'],
]);
