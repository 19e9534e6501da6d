// Header names: the compact forms (RFC 3261 §7.3.3, §20 and the RFCs that added one) and the spelling that this
// program uses for every name it knows. Names of others stay as they came.

export const KNOWN_NAMES = [
  'Accept',
  'Accept-Contact',
  'Accept-Encoding',
  'Accept-Language',
  'Accept-Resource-Priority',
  'Alert-Info',
  'Allow',
  'Allow-Events',
  'Answer-Mode',
  'Authentication-Info',
  'Authorization',
  'Call-ID',
  'Call-Info',
  'Contact',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Type',
  'CSeq',
  'Date',
  'Encryption',
  'Error-Info',
  'Event',
  'Expires',
  'Feature-Caps',
  'Flow-Timer',
  'From',
  'Geolocation',
  'Hide',
  'History-Info',
  'Identity',
  'Identity-Info',
  'In-Reply-To',
  'Info-Package',
  'Join',
  'Max-Breadth',
  'Max-Forwards',
  'MIME-Version',
  'Min-Expires',
  'Min-SE',
  'Organization',
  'P-Access-Network-Info',
  'P-Asserted-Identity',
  'P-Associated-URI',
  'P-Called-Party-ID',
  'P-Charging-Function-Addresses',
  'P-Charging-Vector',
  'P-Preferred-Identity',
  'P-Visited-Network-ID',
  'Path',
  'Permission-Missing',
  'Priority',
  'Privacy',
  'Proxy-Authenticate',
  'Proxy-Authentication-Info',
  'Proxy-Authorization',
  'Proxy-Require',
  'RAck',
  'Reason',
  'Record-Route',
  'Recv-Info',
  'Referred-By',
  'Refer-Sub',
  'Refer-To',
  'Reject-Contact',
  'Replaces',
  'Reply-To',
  'Request-Disposition',
  'Require',
  'Resource-Priority',
  'Response-Key',
  'Retry-After',
  'Route',
  'RSeq',
  'Security-Client',
  'Security-Server',
  'Security-Verify',
  'Server',
  'Service-Route',
  'Session-Expires',
  'SIP-ETag',
  'SIP-If-Match',
  'Subject',
  'Subscription-State',
  'Supported',
  'Suppress-If-Match',
  'Target-Dialog',
  'Timestamp',
  'To',
  'Unsupported',
  'User-Agent',
  'Via',
  'Warning',
  'WWW-Authenticate',
] as const;

const COMPACT_FORMS = {
  a: 'Accept-Contact',
  b: 'Referred-By',
  c: 'Content-Type',
  d: 'Request-Disposition',
  e: 'Content-Encoding',
  f: 'From',
  i: 'Call-ID',
  j: 'Reject-Contact',
  k: 'Supported',
  l: 'Content-Length',
  m: 'Contact',
  n: 'Identity-Info',
  o: 'Event',
  r: 'Refer-To',
  s: 'Subject',
  t: 'To',
  u: 'Allow-Events',
  v: 'Via',
  x: 'Session-Expires',
  y: 'Identity',
} as const;

const CANONICAL: ReadonlyMap<string, string> = new Map([
  ...KNOWN_NAMES.flatMap(
    (name) =>
      [
        [name, name],
        [name.toLowerCase(), name],
      ] as const,
  ),
  ...Object.entries(COMPACT_FORMS),
]);

/** The known names by their length. */
const BY_LENGTH: string[][] = [];
for (const name of KNOWN_NAMES) {
  BY_LENGTH[name.length] ??= [];
  BY_LENGTH[name.length]?.push(name);
}
const NO_NAMES: readonly string[] = [];

/** The known name that stands in `text` from `start` to `end`, in its own spelling; null for anything else. */
export function knownNameAt(text: string, start: number, end: number): string | null {
  const first = text.charCodeAt(start);
  // No text is made for a name that is there already: a message has a dozen of them.
  for (const name of BY_LENGTH[end - start] ?? NO_NAMES) {
    if (name.charCodeAt(0) === first && text.startsWith(name, start)) return name;
  }
  return null;
}

/** The long form of a known name or compact form in any case ("i", "call-id": "Call-ID"); others unchanged. */
export function canonicalName(name: string): string {
  return CANONICAL.get(name) ?? CANONICAL.get(name.toLowerCase()) ?? name;
}
