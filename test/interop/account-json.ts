// What a script reads from `--json`: the document of register, unregister and bindings, checked key by key against
// interface.md ("One account as JSON"), not against the program's own types.

import { expect } from 'vitest';
import type { CommandResult } from './command.ts';

export type AccountJson = {
  readonly account: string;
  readonly state: string;
  readonly expires: {
    readonly requested: number;
    readonly granted: number;
    readonly source: string;
    readonly matchedBy: string;
    readonly at: string;
  } | null;
  readonly target: {
    readonly transport: string;
    readonly host: string;
    readonly address: string;
    readonly port: number;
  } | null;
  readonly local: { readonly address: string; readonly port: number } | null;
  readonly bindings: readonly { readonly uri: string; readonly expires: number; readonly own: boolean }[];
  readonly callId: string;
  readonly cseq: number;
  readonly requests: number;
  readonly rtt: number | null;
  readonly auth: { readonly realm: string; readonly algorithm: string; readonly qop: string | null } | null;
  readonly tls: { readonly protocol: string; readonly peer: { readonly sha256: string } } | null;
  readonly failure: FailureJson | null;
};

export type FailureJson = {
  readonly stage: string;
  readonly code: string;
  readonly status: number | null;
  readonly reason: string | null;
  readonly cause: string;
  readonly advice: string;
  readonly retryAfter: number | null;
};

const NUMBER = expect.any(Number);
const STRING = expect.any(String);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);
const ADDRESS = { address: STRING, port: NUMBER };
const EXPIRES = { requested: NUMBER, granted: NUMBER, source: STRING, matchedBy: STRING, at: TIME };
const TARGET = { transport: STRING, host: STRING, ...ADDRESS };
const FAILURE = {
  stage: expect.stringMatching(/^(?:config|secret|dns|connect|tls|register|auth|internal)$/),
  code: expect.stringMatching(/^[a-z]+\.[a-z-]+$/),
  status: orNull(NUMBER),
  reason: orNull(STRING),
  cause: expect.stringMatching(/\S/),
  advice: expect.stringMatching(/\S/),
  retryAfter: orNull(NUMBER),
  at: TIME,
};
const STATES =
  /^(?:unregistered|registering|registered|refreshing|waiting|blocked|unregistering|disabled|paused)$/;
const IDENTITY = { callId: STRING, cseq: NUMBER };
const FLOW = {
  regId: NUMBER,
  proxy: orNull(STRING),
  state: expect.stringMatching(STATES),
  nextAttempt: orNull(TIME),
  target: orNull(TARGET),
  ...IDENTITY,
  expires: orNull(EXPIRES),
  failure: orNull(FAILURE),
};

const CERTIFICATE = {
  subject: STRING,
  validFrom: TIME,
  validTo: TIME,
  daysLeft: NUMBER,
  sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
};

/** Every key of an account, with what may stand there. */
const ACCOUNT = {
  account: STRING,
  aor: STRING,
  registrar: STRING,
  state: expect.stringMatching(STATES),
  since: TIME,
  expires: orNull(EXPIRES),
  nextAttempt: orNull(TIME),
  target: orNull(TARGET),
  local: orNull(ADDRESS),
  public: orNull(ADDRESS),
  bindings: listOf({ uri: STRING, expires: orNull(NUMBER), own: expect.any(Boolean) }),
  flows: listOf(FLOW),
  ...IDENTITY,
  requests: NUMBER,
  rtt: orNull(NUMBER),
  auth: orNull({ realm: STRING, algorithm: STRING, qop: orNull(STRING) }),
  outbound: expect.any(Boolean),
  serviceRoute: listOf(STRING),
  path: listOf(STRING),
  associatedUris: listOf(STRING),
  gruu: { public: orNull(STRING), temporary: orNull(STRING) },
  tls: orNull({
    protocol: STRING,
    cipher: STRING,
    peer: { issuer: STRING, ...CERTIFICATE },
    own: orNull({ serial: STRING, file: STRING, ...CERTIFICATE }),
    clientCertificateRequested: expect.any(Boolean),
    expiry: expect.stringMatching(/^(?:ok|warning|critical)$/),
    material: {
      state: expect.stringMatching(/^(?:current|renewed|invalid)$/),
      since: orNull(TIME),
      cause: orNull(STRING),
    },
  }),
  failure: orNull(FAILURE),
};

/** The accounts of the one document on stdout, each with just the keys of interface.md. */
export function accountsOf({ stdout }: Pick<CommandResult, 'stdout'>): readonly AccountJson[] {
  const document = JSON.parse(stdout);
  expect(document).toEqual({ schema: 'sipreg.accounts/1', accounts: expect.any(Array) });
  for (const account of document.accounts) expectAccount(account);
  return document.accounts;
}

/** Just the keys of interface.md, all of them, and values of their kinds. */
export function expectAccount(account: unknown): void {
  expect(account).toEqual(ACCOUNT);
}

/** The document of a command that was about one account. */
export function accountOf(result: Pick<CommandResult, 'stdout'>): AccountJson {
  const [account, ...others] = accountsOf(result);
  expect(others).toEqual([]);
  if (account === undefined) throw new Error('the document has no account');
  return account;
}

/** The verdict of a command about one account that failed. */
export function failureIn(result: Pick<CommandResult, 'stdout'>): FailureJson {
  const { failure } = accountOf(result);
  if (failure === null) throw new Error(`no failure in ${result.stdout}`);
  return failure;
}

type Matcher = { readonly asymmetricMatch: (value: unknown) => boolean; readonly toString: () => string };

function orNull(pattern: unknown): Matcher {
  return {
    asymmetricMatch: (value) => value === null || matches(value, pattern),
    toString: () => 'null or a value of the right kind',
  };
}

function listOf(pattern: unknown): Matcher {
  return {
    asymmetricMatch: (value) => Array.isArray(value) && value.every((one) => matches(one, pattern)),
    toString: () => 'a list of the right kind',
  };
}

function matches(value: unknown, pattern: unknown): boolean {
  try {
    expect(value).toEqual(pattern);
    return true;
  } catch {
    return false; // that it does not match is the answer
  }
}
