// linphonerc: accounts are [proxy_0], [proxy_1]…, their credentials stand in [auth_info_0]…, and what [sip] says of TLS and
// keep-alive holds for all of them. A REGISTER names the domain of reg_identity and goes to reg_proxy; reg_route is a way for
// calls only.

import { formatUri, type SipUri, unescape as unescapeUser } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { credentialKeys, credentialsByUser, credentialsOf, realmIn } from './linphone-credentials.ts';
import { type LinphoneSection, numbered, numberIn, parseLinphonerc } from './linphonerc.ts';
import { contactParamsEntry, parseParamList, uriParamsEntry } from './param-lists.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { asServer, isSameServer, parseAddress, parseServer, routingKeys } from './server-address.ts';

export const linphone: ImportFormat = {
  id: 'linphone',
  title: 'Linphone, linphonerc',
  recognises: ({ text }) => /^[ \t]*\[(?:proxy|auth_info)_\d+\]/m.test(text),
  read: readLinphonerc,
};

/** What an account takes from the rest of its file. */
type Surroundings = {
  readonly path: string;
  readonly credentials: ReadonlyMap<string, readonly LinphoneSection[]>;
  /** [sip] */
  readonly sip: ReadonlyMap<string, string>;
};

function readLinphonerc({ path, text }: ForeignFile): ImportReading {
  const sections = parseLinphonerc(text);
  const { read, unread } = numbered(sections, 'proxy_');
  const surroundings: Surroundings = {
    path,
    credentials: credentialsByUser(numbered(sections, 'auth_info_').read),
    sip: sections.find(({ name }) => name === 'sip')?.values ?? new Map(),
  };
  return readingOf([
    ...read.map((section) => readProxy(section, surroundings)),
    ...unread.map(({ name, line }) => ({
      path,
      line,
      what: `[${name}]`,
      why: `linphone does not read it either, as there is no [proxy_${read.length}]: renumber the sections`,
    })),
  ]);
}

function readProxy(section: LinphoneSection, { path, credentials, sip }: Surroundings): Proposal | LeftOut {
  const { name, line, values } = section;
  const leaveOut = (why: string): LeftOut => ({ path, line, what: `[${name}]`, why });
  const identity = parseAddress(values.get('reg_identity') ?? '');
  if (identity === null || identity.user === null)
    return leaveOut('its reg_identity is no SIP URI with a user');
  const registrar = asServer(identity);
  const proxy = values.has('reg_proxy') ? parseServer(values.get('reg_proxy') ?? '') : registrar;
  if (proxy === null) return leaveOut('its reg_proxy is no SIP URI');
  // Linphone's From and To have no port.
  const aor = formatUri({ ...identity, port: null, password: null, params: [], headers: [] });
  const user = unescapeUser(identity.user);
  const own = credentialsOf(
    { user, domain: identity.host, realm: realmIn(values) ?? '' },
    credentials.get(user) ?? [],
  );
  const secrets = credentialKeys(own);
  const routing = routingKeys(registrar, [proxy]);
  const isSecured = proxy.scheme === 'sips' || routing.transport === 'tls' || routing.transport === 'wss';
  const { tls, notes } = isSecured ? tlsKeys(sip, own) : NO_TLS;
  const isOff = numberIn(values, 'reg_sendregister') === 0;
  return {
    name: null,
    path,
    line,
    what: `[${name}]`,
    entry: {
      aor,
      ...routing,
      ...secrets,
      expires: numberIn(values, 'reg_expires'),
      ...contactKeys(values),
      ...keepaliveKeys(sip),
      tls,
      enabled: isOff ? false : undefined,
    },
    notes: [
      ...(isOff ? ['reg_sendregister = 0: it is disabled here too'] : []),
      ...('password' in secrets || 'ha1' in secrets
        ? []
        : [noSecret(`[auth_info_N] with a password or ha1 for the user ${user}`)]),
      ...notes,
      ...leftBehind(values, proxy),
    ],
  };
}

function contactKeys(
  values: ReadonlyMap<string, string>,
): Pick<Partial<AccountEntry>, 'contact' | 'contactParams' | 'contactUriParams'> {
  const custom = parseAddress(values.get('custom_contact') ?? '');
  const params = contactParamsEntry(parseParamList(values.get('contact_parameters') ?? '') ?? []);
  const uriParams = uriParamsEntry(parseParamList(values.get('contact_uri_parameters') ?? '') ?? []);
  return {
    ...(params && { contactParams: params }),
    ...(custom === null ? uriParams && { contactUriParams: uriParams } : { contact: formatUri(custom) }),
  };
}

/** In milliseconds there, 10 seconds if nothing is said. */
function keepaliveKeys(sip: ReadonlyMap<string, string>): Pick<Partial<AccountEntry>, 'keepalive'> {
  const period = numberIn(sip, 'keepalive_period');
  return period === undefined ? {} : { keepalive: { interval: period / 1000 } };
}

type TlsEntry = NonNullable<AccountEntry['tls']>;
type TlsKeys = { readonly tls: TlsEntry | undefined; readonly notes: readonly string[] };

const NO_TLS: TlsKeys = { tls: undefined, notes: [] };

function tlsKeys(sip: ReadonlyMap<string, string>, credentials: readonly LinphoneSection[]): TlsKeys {
  const own = credentials.find(({ values }) => values.has('client_cert_chain'))?.values ?? sip;
  const cert = own.get('client_cert_chain') ?? own.get('client_certs_chain');
  const key = own.get('client_cert_key') ?? own.get('client_certs_key');
  const ca = sip.get('root_ca');
  const unverified = numberIn(sip, 'verify_server_certs') === 0;
  const tls: TlsEntry = {
    ...(ca !== undefined && !unverified && { ca }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(unverified && { verify: 'none' }),
  };
  const notes = [
    ...(unverified
      ? ['verify_server_certs = 0: the server is not verified here either ("tls.verify": "none")']
      : []),
    ...(numberIn(sip, 'verify_server_cn') === 0 && !unverified
      ? ['verify_server_cn = 0 is left behind: give the name in the certificate as "tls.serverName"']
      : []),
  ];
  return { tls: Object.keys(tls).length === 0 ? undefined : tls, notes };
}

function leftBehind(values: ReadonlyMap<string, string>, proxy: SipUri): readonly string[] {
  const custom = values.get('custom_contact');
  const routes = (values.get('reg_route') ?? '').split(',').filter((route) => route.trim() !== '');
  const ofCalls = routes.map(parseServer).filter((route) => route === null || !isSameServer(route, proxy));
  return [
    ...(ofCalls.length === 0
      ? []
      : ['reg_route is left behind: only calls go there; set "outboundProxy" for the REGISTER']),
    ...(custom !== undefined && parseAddress(custom) === null
      ? ['custom_contact is left behind: it is no SIP URI']
      : []),
    ...(['contact_parameters', 'contact_uri_parameters'] as const)
      .filter((key) => parseParamList(values.get(key) ?? '') === null)
      .map((key) => `${key} is left behind: write them like a=1;b`),
    ...(values.has('depends_on') ? ['depends_on is left behind: each account registers by itself'] : []),
  ];
}
