// Rules that hold between the keys of one account, and between accounts. They look at accounts whose defaults are
// filled in; the rules of single values are in value-rules.ts.

import { oncePerObject } from '../core/made-once.ts';
import type { SipUri } from '../core/sip/uri.ts';
import type { Accounts } from './defaults.ts';
import { loginOf, proxiesOf, registrarOf, uriOf } from './plan.ts';
import type { AccountEntry } from './schema.ts';
import type { ShapeProblem } from './structure.ts';

/** What does not fit together in `accounts`; paths begin at the document. */
export function inconsistencies(accounts: Accounts): readonly ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  const duplicates: ShapeProblem[] = [];
  const owners = new Map<string, string>();
  for (const [name, entry] of accounts) {
    for (const check of CHECKS) for (const found of check(name, entry)) problems.push(found);
    const duplicate = duplicateProblem(owners, name, entry);
    if (duplicate !== null) duplicates.push(duplicate);
  }
  return problems.concat(duplicates);
}

function credentialProblems(name: string, entry: AccountEntry): ShapeProblem[] {
  const problems: ShapeProblem[] = [];
  if (entry.password !== undefined && entry.ha1 !== undefined) {
    problems.push(problem([name, 'ha1'], 'cannot stand beside "password"', 'keep one of the two'));
  }
  if ((hasSecret(entry) || entry.initialAuthorization) && loginOf(entry) === null) {
    problems.push(problem([name], 'needs "username", as the aor has no user', null));
  }
  return problems;
}

function realmProblems(name: string, entry: AccountEntry): readonly ShapeProblem[] {
  if (entry.credentials === undefined) return NONE;
  const problems: ShapeProblem[] = [];
  const realms = new Set<string | undefined>(hasSecret(entry) ? [entry.realm] : []);
  for (const [row, credential] of entry.credentials.entries()) {
    if (realms.has(credential.realm)) {
      problems.push(problem([name, 'credentials', row], 'is for a realm that already has credentials', null));
    }
    realms.add(credential.realm);
  }
  return problems;
}

function hasSecret({ password, ha1 }: AccountEntry): boolean {
  return password !== undefined || ha1 !== undefined;
}

function contactProblems(name: string, entry: AccountEntry): readonly ShapeProblem[] {
  if (entry.contact === undefined) return NONE;
  return (['contactUser', 'contactUriParams'] as const)
    .filter((key) => entry[key] !== undefined)
    .map((key) =>
      problem([name, key], 'means nothing beside "contact"', 'put it into the contact, or leave out one'),
    );
}

function transportProblems(name: string, entry: AccountEntry): ShapeProblem[] {
  const transport = entry.transport ?? 'auto';
  const isSips = registrarOf(entry).scheme === 'sips';
  const problems: ShapeProblem[] = [];
  // RFC 3261 §26.2.2: a sips: URI is reached over TLS, hop by hop.
  if (isSips && (transport === 'udp' || transport === 'tcp' || transport === 'ws')) {
    const hint = 'use "tls", "wss" or "auto"';
    problems.push(problem([name, 'transport'], 'does not fit a sips: registrar', hint));
  }
  for (const { webSocket } of proxiesOf(entry)) {
    if (webSocket === undefined) continue;
    const named = webSocket.secure ? 'wss' : 'ws';
    if (isSips && !webSocket.secure) {
      problems.push(problem([name, 'outboundProxy'], 'does not fit a sips: registrar', 'use a wss: URI'));
    }
    if (transport !== 'auto' && transport !== named) {
      const hint = `use "auto" or "${named}"`;
      problems.push(problem([name, 'transport'], `does not fit the ${named}: URI of "outboundProxy"`, hint));
    }
  }
  return problems;
}

function tlsProblems(name: string, { tls }: AccountEntry): readonly ShapeProblem[] {
  if (tls === undefined) return NONE;
  const problems: ShapeProblem[] = [];
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const [present, missing] = tls.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    problems.push(problem([name, 'tls', present], `needs "${missing}" beside it`, null));
  }
  if (tls.verify === 'pin' && (tls.pins ?? []).length === 0) {
    problems.push(problem([name, 'tls', 'verify'], 'is "pin", but there are no "pins"', null));
  }
  return problems;
}

function retryProblems(name: string, { retry }: AccountEntry): readonly ShapeProblem[] {
  if (retry?.max === undefined || retry.max >= (retry.base ?? 30)) return NONE;
  return [problem([name, 'retry', 'max'], 'is less than "base" (30 by default)', null)];
}

function answerProblems(name: string, { answer: answers }: AccountEntry): readonly ShapeProblem[] {
  if (answers === undefined) return NONE;
  return Object.entries(answers).flatMap(([method, answer]) => {
    const status = typeof answer === 'number' ? answer : answer.status;
    const contact = typeof answer === 'number' ? undefined : answer.contact;
    const at = [name, 'answer', method];
    const isRedirect = status >= 300 && status < 400;
    if (method === 'INVITE' && status < 300) {
      return [problem(at, 'would accept calls, which sipreg cannot', 'use a status code from 300')];
    }
    // RFC 4320 §4.2.
    if (method !== 'INVITE' && status === 408) {
      return [problem(at, 'would never be sent: only calls may be answered with 408', 'use another status')];
    }
    if (isRedirect && contact === undefined) {
      return [
        problem(at, 'redirects without saying where', `write {"status": ${status}, "contact": "sip:…"}`),
      ];
    }
    return !isRedirect && contact !== undefined
      ? [problem(at, 'has a contact, but only a 3xx sends callers elsewhere', null)]
      : [];
  });
}

/** The same AOR at the same registrar and proxy would take each other's binding away. Whose is noted in `owners`. */
function duplicateProblem(
  owners: Map<string, string>,
  name: string,
  entry: AccountEntry,
): ShapeProblem | null {
  const identity = identityOf(entry);
  if (identity === null) return null;
  const owner = owners.get(identity);
  if (owner === undefined) {
    owners.set(identity, name);
    return null;
  }
  const hint = 'remove one, disable it, or give each its own "contact" or "instanceId"';
  return problem([name, 'aor'], `is also that of account "${owner}", at the same registrar and proxy`, hint);
}

/** What no two accounts may have in common; null: it is disabled, and takes nobody's binding. */
export function identityOf(entry: AccountEntry): string | null {
  if (entry.enabled === false) return null;
  const aor = comparableUri(uriOf(entry.aor));
  let servers = comparableServer(registrarOf(entry));
  for (const proxy of proxiesOf(entry)) servers += ` ${comparableServer(proxy)}`;
  const contact = entry.contact === undefined ? '' : comparableUri(uriOf(entry.contact));
  // No part has a space.
  return `${aor}  ${servers}  ${contact}  ${entry.instanceId?.toLowerCase() ?? ''}`;
}

/** Equal for URIs that mean the same: the host ignores case, the order of parameters does not count. */
function comparableUri({ scheme, user, host, port, params }: SipUri): string {
  const server = `${scheme}:${user === null ? '' : `${user}@`}${host.toLowerCase()}:${port ?? ''};`;
  if (params.length === 0) return server;
  const sorted = params.map(({ name, value }) => `${name}=${value ?? ''}`.toLowerCase()).sort();
  return server + sorted.join(';');
}

/** Thousands have the same ones. */
const comparableServer = oncePerObject(comparableUri);

function problem(below: readonly (string | number)[], message: string, hint: string | null): ShapeProblem {
  return { path: ['accounts', ...below], message, hint, knownKeys: null };
}

/** What most accounts get from most rules. */
const NONE: readonly ShapeProblem[] = [];

const CHECKS = [
  credentialProblems,
  realmProblems,
  contactProblems,
  transportProblems,
  tlsProblems,
  retryProblems,
  answerProblems,
] as const;
