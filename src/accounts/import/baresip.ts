// The accounts file of baresip: `Display <sip:user@domain>;auth_pass=secret;regint=600`, one account a line. The CA that its TLS
// trusts is in the file `config` beside it.

import { ipVersion } from '../../core/sip/ip.ts';
import { endOfQuoted } from '../../core/sip/scan.ts';
import { formatUri, type SipUri } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { contactParamsEntry } from './param-lists.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { asServer, parseAddress, parseSeconds, parseServer, routingKeys } from './server-address.ts';

export const baresip: ImportFormat = {
  id: 'baresip',
  title: 'baresip, accounts',
  // A "=" before the URI would be a key of another program's file.
  recognises: ({ text }) => /^[^#<>=\t\r\n]*<sips?:[^>\r\n]*>[ \t]*(?:;[^\r\n]*)?$/im.test(text),
  read: readAccounts,
};

function readAccounts({ path, text, include }: ForeignFile): ImportReading {
  const ca = trustedCa(include({ path: 'config', line: 1, optional: true }));
  const findings = text.split(/\r?\n/).flatMap((line, at) => {
    const isAccount = line.trim() !== '' && !line.startsWith('#');
    return isAccount ? [readLine(line.trim(), { path, line: at + 1 }, ca)] : [];
  });
  return readingOf(findings);
}

/** `sip_cafile /path` */
function trustedCa([config]: readonly ForeignFile[]): string | undefined {
  return /^sip_cafile[ \t]+(\S+)/m.exec(config?.text ?? '')?.[1];
}

/** Far more than an account has: expressions that read millions of characters at once run out of stack. */
const MAX_LINE = 65_536;

type Place = Pick<LeftOut, 'path' | 'line'>;
type Params = ReadonlyMap<string, string>;

function readLine(text: string, place: Place, ca: string | undefined): Proposal | LeftOut {
  if (text.length > MAX_LINE) return { ...place, what: 'the line', why: 'it is longer than any account' };
  const { display, uri: uriText, rest } = splitAddress(text);
  const address = parseAddress(uriText);
  if (address === null || address.user === null) {
    return { ...place, what: 'the line', why: 'it has no SIP URI with a user' };
  }
  const params = paramsIn(rest);
  const identity = formatUri({ ...address, password: null, params: [], headers: [] });
  const proxies = proxiesIn(params);
  const parsed = proxies.map(parseServer).filter((proxy) => proxy !== null);
  if (parsed.length < proxies.length) {
    return {
      ...place,
      what: identity,
      why: 'its outbound proxy is no SIP URI: write it like "sip:proxy.example.com"',
    };
  }
  const regint = parseSeconds(params.get('regint') ?? '');
  const routing = routingKeys(asServer(address), parsed);
  return {
    ...place,
    name: null,
    what: identity,
    entry: {
      aor: identity,
      ...routing,
      // As written, with its escapes.
      username: params.get('auth_user') ?? address.user,
      password: params.get('auth_pass') ?? address.password ?? undefined,
      ...(regint === 0 ? { enabled: false } : { expires: regint }),
      contactParams: contactParams(params),
      local: localAddress(params.get('tcpsrcport'), address),
      outbound: usesOutbound(params) ? 'on' : undefined,
      tls: tlsKeys(params, routing.transport === 'tls' ? ca : undefined),
    },
    notes: notesOf(params, display, address),
  };
}

/** Around the URI; without brackets every parameter is one of the account (RFC 3261 §20.10). */
function splitAddress(text: string): {
  readonly display: string;
  readonly uri: string;
  readonly rest: string;
} {
  const from = text.startsWith('"') ? Math.max(endOfQuoted(text, 0), 0) : 0;
  const open = text.indexOf('<', from);
  const close = text.indexOf('>', open);
  if (open !== -1 && close !== -1) {
    const display = text.slice(0, open).trim();
    return { display, uri: text.slice(open + 1, close), rest: text.slice(close + 1) };
  }
  const semicolon = text.indexOf(';');
  const end = semicolon === -1 ? text.length : semicolon;
  return { display: '', uri: text.slice(0, end), rest: text.slice(end) };
}

/** Of a repeated name the first counts; one without a value is not there. Backslashes stay: baresip keeps them. */
function paramsIn(text: string): Params {
  const params = new Map<string, string>();
  for (const [, name = '', quoted, plain] of text.matchAll(PARAM)) {
    const value = quoted ?? plain ?? '';
    if (value !== '' && !params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
  return params;
}

const PARAM = /;\s*([^\s=;"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?/g;

/** "outbound" is the older name of "outbound1"; only RFC 5626 uses the second. */
function proxiesIn(params: Params): readonly string[] {
  const all = [params.get('outbound1') ?? params.get('outbound'), params.get('outbound2')];
  const named = all.filter((proxy) => proxy !== undefined);
  return usesOutbound(params) ? named : named.slice(0, 1);
}

function usesOutbound(params: Params): boolean {
  return params.get('sipnat')?.toLowerCase() === 'outbound';
}

function contactParams(params: Params): AccountEntry['contactParams'] | undefined {
  const q = params.get('regq');
  return contactParamsEntry(q === undefined ? [] : [{ name: 'q', value: q }]);
}

function localAddress(port: string | undefined, { host }: SipUri): string | undefined {
  if (port === undefined || parseSeconds(port) === 0) return undefined;
  return `${ipVersion(host.slice(1, -1)) === 6 ? '[::]' : '0.0.0.0'}:${port}`;
}

/** baresip has the key in the file of the certificate. */
function tlsKeys(params: Params, ca: string | undefined): AccountEntry['tls'] | undefined {
  const cert = params.get('cert');
  const tls = { ...(ca && { ca }), ...(cert && { cert, key: cert }) };
  return Object.keys(tls).length === 0 ? undefined : tls;
}

function notesOf(params: Params, display: string, { password }: SipUri): readonly string[] {
  const regint = params.get('regint');
  const hasSecret = params.has('auth_pass') || password !== null;
  const cert = params.get('cert');
  const unread = [...params.keys()].filter((name) => !KNOWN.has(name) && !REMARKS.has(name));
  const others = [
    ...(display === '' ? [] : ['its display name']),
    ...unread.filter((name) => OF_CALLS.has(name)),
  ];
  return [
    ...(regint !== undefined && parseSeconds(regint) === 0 ? ['regint = 0: it is disabled here too'] : []),
    ...(hasSecret ? [] : [noSecret('auth_pass')]),
    ...(cert !== undefined && !cert.startsWith('/')
      ? ['cert is looked for from the directory of the accounts file: give its whole path']
      : []),
    ...(params.has('outbound2') && !usesOutbound(params)
      ? ['outbound2 is left behind: without sipnat=outbound it is not used']
      : []),
    ...Array.from(REMARKS, ([name, why]) =>
      params.has(name) ? `${name} is left behind: ${why}` : '',
    ).filter((note) => note !== ''),
    ...(others.length === 0 ? [] : [`left behind, as it is not about registering: ${others.join(', ')}`]),
    // Not by name: it may be what stands behind the ";" of a password.
    ...(unread.some((name) => !OF_CALLS.has(name))
      ? ['parameters that sipreg does not know are left behind: a password with ";" needs quotes there']
      : []),
  ];
}

const KNOWN: ReadonlySet<string> = new Set(
  'auth_user auth_pass outbound outbound1 outbound2 sipnat regint regq tcpsrcport cert'.split(' '),
);

/** Calls, media and messages. */
const OF_CALLS: ReadonlySet<string> = new Set(
  (
    '100rel answermode audio_codecs audio_player audio_source auplay ausrc autelev_pt call_transfer catchall ' +
    'check_origin dtmfmode extra inreq_allowed jitter_buffer_type mediaenc medianat mwi natpinhole ptime pubint ' +
    'rel100 rtcp_mux sip_autoanswer sip_autoanswer_beep sip_autoredirect stunpass stunserver stunuser uas_pass ' +
    'uas_user video_codecs video_display video_source vidsrc vm_uri'
  ).split(' '),
);

const REMARKS: ReadonlyMap<string, string> = new Map([
  ['transport', 'it belongs inside the < >, where baresip reads it'],
  ['rwait', 'sipreg refreshes in time for what the registrar grants'],
  ['prio', 'each account registers by itself'],
  ['fbregint', 'each account registers by itself'],
]);
