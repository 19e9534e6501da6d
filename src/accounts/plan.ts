// From an entry of the accounts file (checked, defaults filled in) to what the machines want: the Plan of its
// registration, its TLS settings, DNS servers, credentials' sources, keep-alive and answers. No secret is read here.

import { resolve } from 'node:path';
import { assert } from '../core/assert.ts';
import { DIGEST_ALGORITHMS, type DigestAlgorithm, type DigestPolicy } from '../core/digest/algorithm.ts';
import type { KeepaliveSettings } from '../core/keepalive/terms.ts';
import { oncePerContent, oncePerObject, oncePerText } from '../core/made-once.ts';
import { ownText } from '../core/own-text.ts';
import type { ContactPlan, Plan, Profile, ProxyUri, RetryPolicy } from '../core/registration/plan.ts';
import { ipVersion } from '../core/sip/ip.ts';
import { isToken, quote } from '../core/sip/scan.ts';
import type { SocketAddress } from '../core/sip/transport.ts';
import {
  escapeUser,
  formatUri,
  type Param,
  parseUri,
  type SipUri,
  unescape as unescapeUser,
} from '../core/sip/uri.ts';
import type { TextSource } from '../core/text-source.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { AccountEntry } from './schema.ts';
import type { Ha1Entry, SecretText } from './secret-schema.ts';
import { splitSocketAddress } from './value-rules.ts';
import { isWebSocketUri, parseWebSocketUri } from './websocket-uri.ts';

/** Where the secret for one realm is; `realm: null` answers any. */
export type CredentialSource = {
  readonly realm: string | null;
  readonly username: string;
  /** Absent: every challenge may be answered. */
  readonly policy?: DigestPolicy;
  readonly secret:
    | { readonly type: 'password'; readonly source: TextSource }
    /** One HA1, its algorithm known by its length. */
    | { readonly type: 'ha1'; readonly source: TextSource }
    | {
        readonly type: 'ha1-by-algorithm';
        readonly sources: Readonly<Partial<Record<DigestAlgorithm, TextSource>>>;
      };
};

type ConfiguredAnswer = { readonly status: number; readonly contact: string | null };

export type IncomingSettings = {
  readonly answers: ReadonlyMap<string, ConfiguredAnswer>;
  readonly acceptFrom: 'peer' | 'registrar' | 'any';
};

/** The registration of account `name`. `product` is the User-Agent of accounts that set none ("sipreg/1.0.0"). */
export function planOf(name: string, entry: AccountEntry, product: string): Plan {
  const aor = uriOf(entry.aor);
  return {
    account: name,
    // It stays for as long as the account: text that was put together keeps its pieces.
    aor: ownText(formatUri(aor)),
    contact: contactPlan(name, entry, aor),
    initialAuthorization: initialAuthorization(entry),
    profile: profileOf(entry, product),
  };
}

function profileOf(entry: AccountEntry, product: string): Profile {
  return sharedProfile({
    from: entry.from === undefined ? null : uriOf(entry.from),
    registrar: registrarOf(entry),
    proxies: routesOf(entry),
    transport: entry.transport ?? 'auto',
    expires: entry.expires ?? 3600,
    local: entry.local === undefined ? null : socketAddress(entry.local),
    nat: entry.nat ?? 'auto',
    outbound: entry.outbound ?? 'auto',
    offersKeep: entry.outbound !== 'off' && entry.keepalive?.method !== 'off',
    instanceId: entry.instanceId ?? null,
    headers: headerFields(entry.headers ?? NO_HEADERS),
    userAgent: (entry.userAgent ?? product) || null,
    retry: retryPolicy(entry.retry ?? NO_RETRY),
  });
}

const sharedProfile = oncePerContent<Profile>();

type HeadersEntry = NonNullable<AccountEntry['headers']>;
const NO_HEADERS: HeadersEntry = {};
const headerFields = oncePerObject((headers: HeadersEntry) =>
  Object.entries(headers).map(([name, value]) => ({ name, value })),
);

type TlsEntry = NonNullable<AccountEntry['tls']>;

/** TLS of the account; relative paths start at `directory`, where the accounts file is. */
export function tlsSettingsOf(entry: AccountEntry, directory: string): TlsSettings {
  return tlsSettingsIn(directory)(entry.tls ?? NO_TLS);
}

const NO_TLS: TlsEntry = {};
const tlsSettingsIn = oncePerText((directory) =>
  oncePerObject((tls: TlsEntry) => tlsSettings(tls, directory)),
);

function tlsSettings(tls: TlsEntry, directory: string): TlsSettings {
  const pathOf = (path: string | undefined): string | null =>
    path === undefined ? null : resolve(directory, path);
  return {
    ca: tls.ca === 'system' ? 'system' : pathOf(tls.ca),
    cert: pathOf(tls.cert),
    key: pathOf(tls.key),
    keyPassphrase: tls.keyPassphrase === undefined ? null : textSource(tls.keyPassphrase, directory),
    serverName: tls.serverName ?? null,
    verify: tls.verify ?? 'rfc5922',
    pins: tls.pins ?? [],
    allowWildcard: tls.allowWildcard ?? false,
    minVersion: tls.minVersion ?? 'TLSv1.2',
    allowInsecureKey: tls.allowInsecureKey ?? false,
  };
}

/** The DNS servers to ask; null: the system's. */
export function dnsServersOf({ dns }: AccountEntry): readonly SocketAddress[] | null {
  return dns === undefined ? null : dnsServers(dns);
}

const dnsServers = oncePerObject(
  ({ servers = [] }: NonNullable<AccountEntry['dns']>): readonly SocketAddress[] | null =>
    servers.length === 0 ? null : servers.map((server) => socketAddress(server, 53)),
);

export function keepaliveSettingsOf({ keepalive = NO_KEEPALIVE }: AccountEntry): KeepaliveSettings {
  return keepaliveSettings(keepalive);
}

type KeepaliveEntry = NonNullable<AccountEntry['keepalive']>;
const NO_KEEPALIVE: KeepaliveEntry = {};
const keepaliveSettings = oncePerObject(
  ({ method = 'auto', interval }: KeepaliveEntry): KeepaliveSettings => ({
    method,
    intervalSeconds: interval ?? null,
  }),
);

/** What peers may ask of us, and what they get. */
export function incomingSettingsOf({
  answer = NO_ANSWERS,
  acceptFrom = 'registrar',
}: AccountEntry): IncomingSettings {
  return incomingSettings[acceptFrom](answer);
}

type AnswersEntry = NonNullable<AccountEntry['answer']>;
const NO_ANSWERS: AnswersEntry = {};
const configuredAnswers = oncePerObject((answers: AnswersEntry): IncomingSettings['answers'] => {
  const rows = Object.entries(answers).map(([method, answer]): [string, ConfiguredAnswer] => [
    method,
    typeof answer === 'number'
      ? { status: answer, contact: null }
      : { status: answer.status, contact: answer.contact ?? null },
  ]);
  return new Map(rows);
});

const incomingSettings = {
  peer: oncePerObject(incomingSettingsFrom('peer')),
  registrar: oncePerObject(incomingSettingsFrom('registrar')),
  any: oncePerObject(incomingSettingsFrom('any')),
};

function incomingSettingsFrom(acceptFrom: IncomingSettings['acceptFrom']) {
  return (answers: AnswersEntry): IncomingSettings => ({ answers: configuredAnswers(answers), acceptFrom });
}

/** Where the account's secrets are, the account's own realm first; relative paths start at `directory`. */
export function secretSourcesOf(entry: AccountEntry, directory: string): readonly CredentialSource[] {
  const { realm, password, ha1, credentials, digest } = entry;
  const own = credentialSource({ realm, username: loginOf(entry) ?? '', password, ha1 }, directory);
  // An array that grows has room for seventeen, and stays for as long as the account.
  if (credentials === undefined && digest === undefined) return own === null ? NO_SECRETS : [own];
  const sources = [own, ...(credentials ?? []).map((row) => credentialSource(row, directory))].filter(
    (row) => row !== null,
  );
  if (digest === undefined) return sources;
  const policy = digestPolicy(digest);
  return sources.map((source) => ({ ...source, policy }));
}

const digestPolicy = oncePerObject(
  ({ algorithms, qop }: NonNullable<AccountEntry['digest']>): DigestPolicy => ({
    algorithms: algorithms ?? DIGEST_ALGORITHMS,
    needsQop: qop === 'required',
  }),
);

const NO_SECRETS: readonly CredentialSource[] = [];

/** null: there is no secret. */
function credentialSource(
  { realm: named, username, password, ha1 }: CredentialEntry,
  directory: string,
): CredentialSource | null {
  const realm = named ?? null;
  if (password !== undefined) {
    return { realm, username, secret: { type: 'password', source: textSource(password, directory) } };
  }
  return ha1 === undefined ? null : { realm, username, secret: ha1Secret(ha1, directory) };
}

type CredentialEntry = {
  readonly realm?: string | undefined;
  readonly username: string;
  readonly password?: SecretText | undefined;
  readonly ha1?: Ha1Entry | undefined;
};

/** The digest user name; null when neither `username` nor the AOR has one. */
export function loginOf(entry: AccountEntry): string | null {
  if (entry.username !== undefined) return entry.username;
  const { user } = uriOf(entry.aor);
  return user === null ? null : unescapeUser(user);
}

export function registrarOf({ aor, registrar }: AccountEntry): SipUri {
  return registrar === undefined ? defaultRegistrar(uriOf(aor)) : uriOf(registrar);
}

/** The registrar of accounts that name none: the AOR's domain. */
export function defaultRegistrar({ scheme, host, port }: SipUri): SipUri {
  return uriOf(`${scheme}:${host}${port === null ? '' : `:${port}`}`);
}

export function proxiesOf(entry: AccountEntry): readonly ProxyUri[] {
  const proxies = entry.outboundProxy ?? [];
  return (typeof proxies === 'string' ? [proxies] : proxies).map(proxyOf);
}

function proxyOf(text: string): ProxyUri {
  if (!isWebSocketUri(text)) return uriOf(text);
  const proxy = parseWebSocketUri(text);
  assert(proxy !== null, 'the schema lets only URIs of a WebSocket pass');
  return proxy;
}

/** A URI that the schema has let pass. */
export const uriOf: (text: string) => SipUri = oncePerText((text) => {
  const parsed = parseUri(text);
  assert(parsed.ok, 'the schema lets only SIP URIs pass');
  const { scheme, user, password, host, port, params, headers } = parsed.value;
  // Scheme and host are those of many.
  return { scheme: sharedText(scheme), user, password, host: sharedText(host), port, params, headers };
});

const sharedText = oncePerText((text) => text) as <T extends string>(text: T) => T;

/** The proxies as the route of a request. */
function routesOf({ outboundProxy }: AccountEntry): readonly ProxyUri[] {
  if (outboundProxy === undefined) return NO_ROUTES;
  return typeof outboundProxy === 'string' ? routeThrough(outboundProxy) : routeThroughAll(outboundProxy);
}

const NO_ROUTES: readonly ProxyUri[] = [];
const routeThrough = oncePerText((proxy): readonly ProxyUri[] => [withLooseRouting(proxyOf(proxy))]);
const routeThroughAll = oncePerObject((proxies: readonly string[]): readonly ProxyUri[] =>
  proxies.map((proxy) => withLooseRouting(proxyOf(proxy))),
);

/** RFC 3261 §16.12: a Route without `lr` would name a strict router. */
function withLooseRouting(proxy: ProxyUri): ProxyUri {
  const isLoose = proxy.params.some(({ name }) => name.toLowerCase() === 'lr');
  return isLoose ? proxy : { ...proxy, params: [...proxy.params, { name: 'lr', value: null }] };
}

function contactPlan(name: string, entry: AccountEntry, aor: SipUri): ContactPlan {
  return sharedContact({
    uri: entry.contact === undefined ? null : uriOf(entry.contact),
    user: entry.contactUser === undefined ? userInPlace(name, aor) : escapeUser(entry.contactUser),
    uriParams: contactUriParams(entry.contactUriParams ?? NO_PARAMS),
    params: contactParams(entry.contactParams ?? NO_PARAMS),
  });
}

const sharedContact = oncePerContent<ContactPlan>();

/** An account whose AOR has no user is reached by its name. */
function userInPlace(name: string, { user }: SipUri): string | null {
  return user === null ? escapeUser(name) : null;
}

type ParamsEntry = NonNullable<AccountEntry['contactParams']>;
const NO_PARAMS: ParamsEntry = {};
const contactUriParams = oncePerObject((params: ParamsEntry): readonly Param[] =>
  Object.entries(params).map(([name, value]) => ({ name, value: value === true ? null : String(value) })),
);
const contactParams = oncePerObject((params: ParamsEntry): readonly Param[] =>
  Object.entries(params).map(([name, value]) => contactParam(name, value)),
);

function contactParam(name: string, value: true | number | string): Param {
  if (value === true) return { name, value: null };
  // RFC 3261 §25.1: a qvalue has at most three decimals.
  if (name.toLowerCase() === 'q') return { name, value: String(Math.round(Number(value) * 1000) / 1000) };
  const text = String(value);
  return { name, value: isMediaFeatureTag(name) || !isToken(text) ? quote(text) : text };
}

/** RFC 3840 §9: other tags begin with "+", the base tags do not; the values of both are quoted strings. */
function isMediaFeatureTag(name: string): boolean {
  return name.startsWith('+') || BASE_TAGS.has(name.toLowerCase());
}

function initialAuthorization(entry: AccountEntry): Plan['initialAuthorization'] {
  const username = loginOf(entry);
  if (!entry.initialAuthorization || username === null) return null;
  return { username, realm: entry.realm ?? uriOf(entry.aor).host };
}

type RetryEntry = NonNullable<AccountEntry['retry']>;
const NO_RETRY: RetryEntry = {};
const retryPolicy = oncePerObject(
  (retry: RetryEntry): RetryPolicy => ({
    baseSeconds: retry.base ?? 30,
    maxSeconds: retry.max ?? null,
    credentialAttempts: retry.credentialAttempts ?? 3,
    blockedProbeSeconds: retry.blockedProbe ?? 21_600,
  }),
);

function socketAddress(text: string, defaultPort = 0): SocketAddress {
  const parts = splitSocketAddress(text);
  assert(parts !== null && ipVersion(parts.address) !== 0, 'the schema lets only addresses pass');
  return { address: parts.address, port: parts.port ?? defaultPort };
}

function ha1Secret(ha1: Ha1Entry, directory: string): CredentialSource['secret'] {
  if (typeof ha1 === 'string') return { type: 'ha1', source: { type: 'literal', text: ha1 } };
  const sources = DIGEST_ALGORITHMS.flatMap((algorithm) => {
    const value = ha1[algorithm];
    return value === undefined ? [] : [[algorithm, textSource(value, directory)] as const];
  });
  if (sources.length > 0) return { type: 'ha1-by-algorithm', sources: Object.fromEntries(sources) };
  return { type: 'ha1', source: textSource(ha1, directory) };
}

/** Where a text of the file, or what it points to, is; relative paths begin at `directory`. */
export function textSource(value: SecretText, directory: string): TextSource {
  if (typeof value === 'string') return { type: 'literal', text: value };
  if (value.file !== undefined) return { type: 'file', path: resolve(directory, value.file) };
  if (value.env !== undefined) return { type: 'env', variable: value.env };
  if (value.command !== undefined) return { type: 'command', argv: value.command };
  assert(value.credential !== undefined, 'the schema lets only sources with exactly one place pass');
  return { type: 'credential', id: value.credential };
}

const BASE_TAGS: ReadonlySet<string> = new Set(
  (
    'audio automata class duplex data control mobility description events priority methods schemes application ' +
    'video language type isfocus actor text extensions'
  ).split(' '),
);
