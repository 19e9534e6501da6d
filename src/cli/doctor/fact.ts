// What `sipreg doctor` finds out: one fact a line, each with a stable code. FACTS is the only list of the codes; the part
// before the dot groups them in the output. A fact that is a failure has its verdict (core/health/verdict.ts).

import type { TargetSnapshot } from '../../core/health/snapshot.ts';
import type { Failure } from '../../core/health/verdict.ts';

/** Every code with its meaning, in the order in which doctor goes. */
export const FACTS = {
  'config.file': 'the accounts file, and the line of the account in it',
  'config.defaults': 'which settings of the account come from "defaults"',
  'config.enabled': 'whether somebody wants the account registered',
  'config.warning': 'something in the accounts file that should be put right',
  'secret.source': 'where each password or HA1 is, and that it can be read',
  'agent.state': 'the running agent that keeps the account, and what it says of it',
  'agent.uptime': 'how long the account was registered of the last 24 h and 7 d',
  'expires.granted': 'for how long the registrar granted the binding, and how long was asked for',
  'agent.problem': 'what is wrong with the agent itself',
  'tls.files': 'our own certificate, key and CA on disk',
  'dns.servers': 'which DNS servers are asked',
  'dns.naptr': 'the NAPTR records of the domain',
  'dns.srv': 'the SRV records of a service',
  'dns.a': 'the IPv4 addresses of a server',
  'dns.aaaa': 'the IPv6 addresses of a server',
  'dns.targets': 'the targets that follow from all that, in the order in which they are tried',
  'dns.route': 'from which address of this host an address is reached',
  'udp.send': 'whether datagrams can be sent to a target',
  'tcp.connect': 'the TCP connection to a target',
  'tls.handshake': 'TLS version and cipher, or why there is no TLS',
  'tls.certificate': 'the certificate that the server shows',
  'tls.chain': 'the chain to a CA that this host trusts',
  'tls.name': 'whether the certificate is for the SIP domain (RFC 5922)',
  'tls.dates': 'until when the certificates of the chain are valid',
  'tls.client-certificate': 'whether the server asks for a certificate of ours, and takes it',
  'ws.open': 'the WebSocket on the connection',
  'options.answer': 'the answer to OPTIONS',
  'options.allow': 'the methods that the server allows',
  'options.server': 'what the server calls itself',
  'keepalive.answer': 'whether a keep-alive is answered',
  'register.answer': 'the answer to a REGISTER without Contact, which changes no binding',
  'digest.offered': 'the realms and digest algorithms that the registrar offers',
  'digest.choice': 'which of them we take',
  'auth.credentials': 'whether the registrar accepts the credentials',
  'bindings.own': 'our own binding',
  'bindings.stale': 'a binding of this host that is not the current one',
  'bindings.foreign': 'a binding of somebody else',
  'nat.address': 'our address as the server sees it',
  'nat.via': 'whether something on the way changes our messages',
  'nat.contact': 'whether our contact is registered as we sent it',
  'clock.date': "this host's clock against the server's",
} as const;

export type FactCode = keyof typeof FACTS;

/** `warn`: it works, but somebody should know. `skipped`: it depends on something that failed, or that there is not. */
export type Mark = 'ok' | 'warn' | 'fail' | 'skipped';

export type Fact = {
  readonly code: FactCode;
  readonly mark: Mark;
  /** What it is about, where there may be several. */
  readonly target: TargetSnapshot | null;
  readonly text: string;
  /** A round trip, or how long a connection took to come about. */
  readonly seconds: number | null;
  /** What went wrong; the text then adds to its cause, and may be empty. */
  readonly failure: Failure | null;
  /** What to do about a warning that is no failure. */
  readonly advice: string | null;
};

type Details = Partial<Pick<Fact, 'target' | 'seconds' | 'text'>>;

export function ok(code: FactCode, text: string, details: Details = {}): Fact {
  return { ...NO_DETAILS, code, mark: 'ok', text, ...details };
}

export function warn(code: FactCode, text: string, advice: string | null, details: Details = {}): Fact {
  return { ...NO_DETAILS, code, mark: 'warn', text, advice, ...details };
}

export function fail(code: FactCode, failure: Failure, details: Details = {}): Fact {
  return { ...NO_DETAILS, code, mark: 'fail', failure, ...details };
}

/** `why`: what it depends on and how that stands. */
export function skipped(code: FactCode, why: string, details: Details = {}): Fact {
  return { ...NO_DETAILS, code, mark: 'skipped', text: why, ...details };
}

/** The failures among `facts` as warnings: what they are about is not needed, because something else works. */
export function tolerated(facts: readonly Fact[]): readonly Fact[] {
  return facts.map((fact) => (fact.mark === 'fail' ? { ...fact, mark: 'warn' } : fact));
}

export function hasFailed(facts: readonly Fact[]): boolean {
  return facts.some(({ mark }) => mark === 'fail');
}

const NO_DETAILS = { target: null, text: '', seconds: null, failure: null, advice: null } as const;
