// linphonerc: accounts are [proxy_0], [proxy_1]…, their credentials stand in [auth_info_0]…, and what [sip] says of TLS and
// keep-alive holds for all of them.

import { formatUri, type SipUri, unescape as unescapeUser } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';
import { credentialKeys, credentialsByUser, credentialsOf, realmIn } from './linphone-credentials.ts';
import { type LinphoneSection, numbered, parseLinphonerc } from './linphonerc.ts';
import { contactParamsEntry, parseParamList, uriParamsEntry } from './param-lists.ts';
import { type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { asServer, parseAddress, parseSeconds, parseServer, routingKeys } from './server-address.ts';

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
  const servers = serversOf(values, identity);
  if (servers === null) return leaveOut('its reg_proxy or reg_route is no SIP URI');
  const aor = formatUri({ ...identity, password: null, params: [], headers: [] });
  const user = unescapeUser(identity.user);
  const own = credentialsOf(
    { user, domain: identity.host, realm: realmIn(values) ?? '' },
    credentials.get(user) ?? [],
  );
  const secrets = credentialKeys(own);
  const routing = routingKeys(servers.registrar, servers.routes);
  const { tls, notes } = tlsKeys(sip, own, routing.transport);
  return {
    name: aor.replace(/^sips?:/, ''),
    path,
    line,
    what: `[${name}]`,
    entry: {
      aor,
      ...routing,
      ...secrets,
      expires: parseSeconds(values.get('reg_expires') ?? ''),
      ...contactKeys(values),
      ...keepaliveKeys(sip),
      tls,
      enabled: values.get('reg_sendregister') === '0' ? false : undefined,
    },
    notes: [
      ...(values.get('reg_sendregister') === '0' ? ['reg_sendregister = 0: it is disabled here too'] : []),
      ...('password' in secrets || 'ha1' in secrets
        ? []
        : [
            `no [auth_info_N] has a password or ha1 for the user ${user}: set "password" if the registrar wants one`,
          ]),
      ...notes,
      ...leftBehind(values),
    ],
  };
}

/** null: something is no URI. */
function serversOf(
  values: ReadonlyMap<string, string>,
  identity: SipUri,
): { readonly registrar: SipUri; readonly routes: readonly SipUri[] } | null {
  const named = values.get('reg_proxy');
  const registrar = named === undefined ? asServer(identity) : parseServer(named);
  const routes = (values.get('reg_route') ?? '').split(',').filter((route) => route.trim() !== '');
  const parsed = routes.map(parseServer).filter((route) => route !== null);
  return registrar === null || parsed.length < routes.length ? null : { registrar, routes: parsed };
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
  const period = parseSeconds(sip.get('keepalive_period') ?? '');
  return period === undefined ? {} : { keepalive: { interval: period / 1000 } };
}

type TlsEntry = NonNullable<AccountEntry['tls']>;

/** Nothing without TLS. */
function tlsKeys(
  sip: ReadonlyMap<string, string>,
  credentials: readonly LinphoneSection[],
  transport: AccountEntry['transport'],
): { readonly tls: TlsEntry | undefined; readonly notes: readonly string[] } {
  if (transport !== 'tls' && transport !== 'wss') return { tls: undefined, notes: [] };
  const own = credentials.find(({ values }) => values.has('client_cert_chain'))?.values ?? sip;
  const cert = own.get('client_cert_chain') ?? own.get('client_certs_chain');
  const key = own.get('client_cert_key') ?? own.get('client_certs_key');
  const ca = sip.get('root_ca');
  const unverified = sip.get('verify_server_certs') === '0';
  const tls: TlsEntry = {
    ...(ca !== undefined && !unverified && { ca }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
    ...(unverified && { verify: 'none' }),
  };
  const notes = [
    ...(unverified
      ? ['verify_server_certs = 0: the server is not verified here either ("tls.verify": "none")']
      : []),
    ...(sip.get('verify_server_cn') === '0' && !unverified
      ? ['verify_server_cn = 0 is left behind: give the name in the certificate as "tls.serverName"']
      : []),
  ];
  return { tls: Object.keys(tls).length === 0 ? undefined : tls, notes };
}

function leftBehind(values: ReadonlyMap<string, string>): readonly string[] {
  const custom = values.get('custom_contact');
  return [
    ...(custom !== undefined && parseAddress(custom) === null
      ? ['custom_contact is left behind: it is no SIP URI']
      : []),
    ...(['contact_parameters', 'contact_uri_parameters'] as const)
      .filter((key) => parseParamList(values.get(key) ?? '') === null)
      .map((key) => `${key} is left behind: write them like a=1;b`),
    ...(values.has('depends_on') ? ['depends_on is left behind: each account registers by itself'] : []),
  ];
}
