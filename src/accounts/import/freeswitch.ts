// The gateways of FreeSWITCH's mod_sofia, `conf/sip_profiles/external/*.xml`: what they register as, and where, follows its
// own rules and defaults (sofia.c, parse_gateways).

import type { SipUri } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { type Gateway, gatewaysIn, whatOf } from './freeswitch-gateways.ts';
import { parseParamList, uriParamsEntry } from './param-lists.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import {
  addressOfRecord,
  parseSeconds,
  parseServer,
  routingKeys,
  transportIn,
  transportNamed,
} from './server-address.ts';

export const freeswitch: ImportFormat = {
  id: 'freeswitch',
  title: 'FreeSWITCH, freeswitch.xml or gateways (XML)',
  recognises: ({ text }) => /<gateway[\s>]|<document\s+type="freeswitch\/xml"/.test(text),
  read: (file: ForeignFile): ImportReading =>
    readingOf(gatewaysIn(file).map((found) => ('why' in found ? found : readGateway(found)))),
};

/** One that is empty is not there. */
type Params = (name: string) => string | undefined;

function readGateway({ path, line, name, params, unresolved }: Gateway): Proposal | LeftOut {
  const what = whatOf(name);
  const leaveOut = (why: string): LeftOut => ({ path, line, what, why });
  const param: Params = (key) => params.get(key) || undefined;
  if (unresolved.size > 0) {
    const names = Array.from(unresolved, ([variable, command]) => {
      return `$\${${variable}}${command === null ? '' : ` (${command})`}`;
    });
    return leaveOut(
      `there is no value here for ${names.join(', ')}: put it in its place, or import freeswitch.xml, which includes the file that sets it`,
    );
  }
  const user = param('username');
  if (user === undefined) return leaveOut('it has no username: FreeSWITCH does not register it either');
  const domain = param('proxy') ?? param('realm') ?? name;
  const registrar = parseServer(domain);
  const from = parseServer(param('from-domain') ?? domain);
  const proxy = parseServer(param('register-proxy') ?? domain);
  if (registrar === null) return leaveOut('its proxy (realm, name) is no host name');
  if (from === null) return leaveOut('its from-domain is no host name');
  if (proxy === null) return leaveOut('its register-proxy is no host name');
  // From and To are the same unless distinct-to says otherwise.
  const fromUri = addressOfRecord(param('from-user') ?? user, from);
  const aor = isTrue(param('distinct-to')) ? addressOfRecord(user, registrar) : fromUri;
  return {
    name,
    path,
    line,
    what,
    entry: {
      aor,
      from: fromUri,
      ...routingOf(registrar, proxy, param('register-transport')),
      username: param('auth-username') ?? user,
      password: params.get('password'),
      expires: expiresOf(param('expire-seconds')),
      ...contactKeys(param),
      ...keepaliveKeys(param),
      outbound: isTrue(param('rfc-5626')) ? 'on' : undefined,
      enabled: isRegistered(param) ? undefined : false,
    },
    notes: notesOf(param, params, domain),
  };
}

/** A transport in the URIs wins over register-transport; FreeSWITCH's default is left to DNS. */
function routingOf(registrar: SipUri, proxy: SipUri, transport: string | undefined): Partial<AccountEntry> {
  const named = transportNamed(transport ?? '');
  const isNamed = transportIn(proxy) !== null || named === null;
  return { ...routingKeys(registrar, [proxy]), ...(isNamed ? {} : { transport: named }) };
}

/** Below 5 seconds FreeSWITCH takes 3600. */
function expiresOf(text: string | undefined): number | undefined {
  const seconds = parseSeconds(text ?? '');
  return seconds === undefined || seconds < 5 ? undefined : seconds;
}

/** Without extension-in-contact it is gw+NAME, which only FreeSWITCH needs. */
function contactKeys(param: Params): Pick<Partial<AccountEntry>, 'contactUser' | 'contactUriParams'> {
  const extension = isTrue(param('extension-in-contact')) ? param('extension') : undefined;
  const uriParams = uriParamsEntry(parseParamList(param('contact-params') ?? '') ?? []);
  return {
    ...(extension !== undefined && { contactUser: extension }),
    ...(uriParams && { contactUriParams: uriParams }),
  };
}

/** OPTIONS every so many seconds, from 5 on. */
function keepaliveKeys(param: Params): Pick<Partial<AccountEntry>, 'keepalive'> {
  const interval = parseSeconds(param('ping') ?? '');
  return interval === undefined || interval < 5 ? {} : { keepalive: { method: 'options', interval } };
}

function isRegistered(param: Params): boolean {
  return isTrue(param('register') ?? 'true');
}

/** switch_true() */
function isTrue(text: string | undefined): boolean {
  return /^(?:yes|on|true|t|enabled|active|allow|0*[1-9]\d*)$/i.test(text ?? '');
}

function notesOf(param: Params, params: ReadonlyMap<string, string>, domain: string): readonly string[] {
  const others = [...params.keys()].filter((name) => !KNOWN.has(name) && !REMARKS.has(name));
  const [realm, regId] = [param('realm'), param('reg-id')];
  return [
    ...(isRegistered(param) ? [] : ['register = false: it is disabled here too']),
    ...(params.has('password') ? [] : [noSecret('password')]),
    ...(realm === undefined || realm === domain
      ? []
      : ['realm is left behind: FreeSWITCH and sipreg answer any; set "realm" to answer only one']),
    ...(parseParamList(param('contact-params') ?? '') === null
      ? ['contact-params is left behind: write them like a=1;b']
      : []),
    ...(regId === undefined || regId === '1'
      ? []
      : [`reg-id = ${regId} is left behind: sipreg numbers its flows itself`]),
    ...Array.from(REMARKS, ([name, { usual, why }]) =>
      [undefined, usual].includes(param(name)) ? [] : [`${name} is left behind: ${why}`],
    ).flat(),
    ...(others.length === 0 ? [] : [`left behind, as it is not about registering: ${others.join(', ')}`]),
  ];
}

const KNOWN: ReadonlySet<string> = new Set(
  (
    'username auth-username password realm from-user from-domain proxy register-proxy register register-transport ' +
    'expire-seconds distinct-to extension extension-in-contact contact-params ping rfc-5626 reg-id scheme'
  ).split(' '),
);

const WAITS = 'after a failure sipreg waits as "retry" says, at first 30 seconds, then ever longer';

/** What has another meaning here, unless it is as usual. */
const REMARKS: ReadonlyMap<string, { readonly usual: string; readonly why: string }> = new Map([
  ['retry-seconds', { usual: '30', why: WAITS }],
  ['908-retry-seconds', { usual: '30', why: WAITS }],
  ['timeout-seconds', { usual: '60', why: 'a REGISTER without an answer ends after 32 seconds (RFC 3261)' }],
  [
    'contact-host',
    { usual: 'sip-ip', why: 'the registrar tells the public address; "contact" gives another' },
  ],
  ['outbound-proxy', { usual: '', why: 'only calls go there; set "outboundProxy" for the REGISTER' }],
]);
