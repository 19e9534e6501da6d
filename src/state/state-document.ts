// The text of state.json: what is durable about each account, one account a line, so that a reader and a diff find
// their way. Reading takes nothing on trust: what is wrong is reported, and whatever is right is kept.

export const STATE_SCHEMA = 'sipreg.state/1';

/** RFC 3261 §8.1.1.5: a CSeq number is less than 2³¹. */
export const CSEQ_MAX = 2 ** 31 - 1;

/** What REGISTERs of one flow go on from. */
export type FlowRecord = {
  readonly callId: string;
  /** The highest CSeq that may have been used; the next is above it. 0: none yet. */
  readonly cseq: number;
  /** Names the last reservation; null once it was settled. */
  readonly reservation: string | null;
  /** The last Contact URI, as sent. */
  readonly contact: string | null;
  readonly localPort: number | null;
  /** The registrar's address as last used, `host:port` in wire form. */
  readonly registrar: string | null;
  /** When the last binding ends, RFC 3339 UTC. */
  readonly grantedUntil: string | null;
  /** The address that the registrar last saw, `address:port`. */
  readonly publicAddress: string | null;
};

/** The registrar does not take the credentials; free of secrets. */
export type RejectionRecord = {
  /** A fingerprint of those that were rejected, so that changed ones are noticed after a restart. */
  readonly secretFingerprint: string;
  /** How often in a row; 0: none of them fitted, and none was sent. null: a version that did not count has written it. */
  readonly count: number | null;
  /** When they were rejected last, RFC 3339 UTC. */
  readonly lastAt: string;
  /** When they are due to be tried again; null: nobody has said. */
  readonly nextAt: string | null;
  /** They are not tried any more, but for a rare probe. */
  readonly isBlocked: boolean;
};

export type AccountRecord = {
  /** When an operator paused it, RFC 3339 UTC; null: not paused. */
  readonly pausedSince: string | null;
  readonly rejected: RejectionRecord | null;
  /** By reg-id (RFC 5626 §4.2); 1 is the only one without outbound. */
  readonly flows: ReadonlyMap<number, FlowRecord>;
};

export type StateDocument = {
  /** Another text in each version that was ever written. */
  readonly revision: string;
  /** `urn:uuid:…`, RFC 5626 §4.1. */
  readonly instanceId: string;
  readonly accounts: ReadonlyMap<string, AccountRecord>;
};

export type Reading =
  | { readonly type: 'good'; readonly document: StateDocument }
  /** Something is wrong: `document` has what could be kept, null for nothing. */
  | { readonly type: 'damaged'; readonly document: StateDocument | null; readonly problem: string }
  /** A later version of sipreg wrote it. */
  | { readonly type: 'newer'; readonly schema: string };

export const NO_ACCOUNT: AccountRecord = { pausedSince: null, rejected: null, flows: new Map() };

export function formatState(document: StateDocument): string {
  return [...stateLines(document)].join('');
}

/** The text of the document, some whole lines at a time. */
export function* stateLines(document: StateDocument): Generator<string> {
  let lines = `${formatHead(document)}\n${ACCOUNTS_LINE}\n`;
  let isFirst = true;
  for (const [key, account] of document.accounts) {
    if (!isFirst) lines += ',\n';
    if (lines.length > PIECE_LENGTH) {
      yield lines;
      lines = '';
    }
    lines += `${JSON.stringify(key)}: ${formatAccount(account)}`;
    isFirst = false;
  }
  yield `${lines}\n${END_LINE}\n`;
}

/** What is between the head and the lines of the accounts, and what follows these. */
export const ACCOUNTS_LINE = '"accounts": {';
export const END_LINE = '}}';

export function formatAccount({ pausedSince, rejected, flows }: AccountRecord): string {
  let texts = '';
  for (const [regId, flow] of flows) texts += `${texts && ','}"${regId}":${JSON.stringify(flow)}`;
  const rejection = rejected === null ? '"blocked":null' : formatRejection(rejected);
  return `{"pausedSince":${JSON.stringify(pausedSince)},${rejection},"flows":{${texts}}}`;
}

/** Versions that know nothing of "rejected" read "blocked"; they have written it alone. */
function formatRejection({ isBlocked, secretFingerprint, count, lastAt, nextAt }: RejectionRecord): string {
  const blocked = `"blocked":${JSON.stringify(isBlocked ? { since: lastAt, secretFingerprint } : null)}`;
  if (count === null) return blocked;
  return `${blocked},"rejected":${JSON.stringify({ count, lastAt, nextAt, secretFingerprint })}`;
}

/** The beginning of the text, which tells one version from all others. */
export function formatHead({ revision, instanceId }: Omit<StateDocument, 'accounts'>): string {
  return `{"schema": "${STATE_SCHEMA}", "revision": "${revision}", "instanceId": "${instanceId}",`;
}

export function parseState(text: string): Reading {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { type: 'damaged', document: null, problem: 'it is no complete JSON' };
  }
  if (!isObject(value)) return { type: 'damaged', document: null, problem: 'it is no JSON object' };
  const { schema } = value;
  if (schema !== STATE_SCHEMA) {
    if (typeof schema === 'string' && isNewer(schema)) return { type: 'newer', schema };
    return { type: 'damaged', document: null, problem: `its schema is not ${STATE_SCHEMA}` };
  }
  return parseDocument(value);
}

function parseDocument(value: Fields): Reading {
  const { revision, instanceId } = value;
  if (typeof instanceId !== 'string' || !INSTANCE_ID.test(instanceId)) {
    return { type: 'damaged', document: null, problem: 'its instanceId is no urn:uuid' };
  }
  const accounts = new Map<string, AccountRecord>();
  const document = { revision: typeof revision === 'string' ? revision : '', instanceId, accounts };
  if (!isObject(value.accounts)) return { type: 'damaged', document, problem: 'it has no accounts' };
  let problem: string | null = null;
  for (const [key, entry] of Object.entries(value.accounts)) {
    const account = parseAccount(entry);
    if (account === null) problem ??= `the record of ${JSON.stringify(key)} is wrong`;
    else accounts.set(key, account);
  }
  return problem === null ? { type: 'good', document } : { type: 'damaged', document, problem };
}

/** null: it is wrong. */
export function parseAccount(value: unknown): AccountRecord | null {
  if (!isObject(value) || !isObject(value.flows)) return null;
  const flows = new Map<number, FlowRecord>();
  for (const [regId, entry] of Object.entries(value.flows)) {
    const flow = parseFlow(entry);
    if (flow === null || !/^[1-9][0-9]{0,9}$/.test(regId)) return null;
    flows.set(Number(regId), flow);
  }
  const { pausedSince } = value;
  const rejected = parseRejection(value);
  if (!isDateOrNull(pausedSince) || rejected === undefined) return null;
  return { pausedSince, rejected, flows };
}

/** undefined: wrong. */
function parseRejection({ blocked, rejected }: Fields): RejectionRecord | null | undefined {
  if (blocked !== null && !isObject(blocked)) return undefined;
  const isBlocked = blocked !== null;
  if (rejected === undefined) return isBlocked ? parseBlocked(blocked) : null;
  if (!isObject(rejected)) return undefined;
  const { count, lastAt, nextAt, secretFingerprint } = rejected;
  if (!isInteger(count, COUNT_MAX) || !isDate(lastAt) || !isDateOrNull(nextAt)) return undefined;
  if (!isText(secretFingerprint)) return undefined;
  return { secretFingerprint, count, lastAt, nextAt, isBlocked };
}

function parseBlocked({ since, secretFingerprint }: Fields): RejectionRecord | null | undefined {
  if (!isDate(since) || !isTextOrNull(secretFingerprint)) return undefined;
  // Without a fingerprint nobody can tell whether they are still the same.
  if (secretFingerprint === null) return null;
  return { secretFingerprint, count: null, lastAt: since, nextAt: null, isBlocked: true };
}

function parseFlow(value: unknown): FlowRecord | null {
  if (!isObject(value)) return null;
  const { callId, cseq, reservation, contact, localPort, registrar, grantedUntil, publicAddress } = value;
  if (typeof callId !== 'string' || !CALL_ID.test(callId) || !isInteger(cseq, CSEQ_MAX)) return null;
  if (localPort !== null && !isInteger(localPort, 65535)) return null;
  if (!isTextOrNull(reservation) || !isTextOrNull(contact) || !isTextOrNull(registrar)) return null;
  if (!isTextOrNull(grantedUntil) || !isTextOrNull(publicAddress)) return null;
  return { callId, cseq, reservation, contact, localPort, registrar, grantedUntil, publicAddress };
}

type Fields = { readonly [name: string]: unknown };

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Printable and on one line: it may end up in a header field. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !/[\x00-\x1f\x7f]/.test(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}

/** As we write it: a year of four digits can be reckoned with. */
function isDate(value: unknown): value is string {
  return typeof value === 'string' && DATE.test(value) && !Number.isNaN(Date.parse(value));
}

function isDateOrNull(value: unknown): value is string | null {
  return value === null || isDate(value);
}

function isInteger(value: unknown, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isNewer(schema: string): boolean {
  const version = /^sipreg\.state\/([1-9][0-9]{0,8})$/.exec(schema)?.[1];
  return version !== undefined && Number(version) > Number(STATE_SCHEMA.split('/')[1]);
}

const INSTANCE_ID = /^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Our own form: it goes into a header field as it stands. */
const CALL_ID = /^[0-9a-f]{32,64}$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
/** More than anybody is rejected. */
const COUNT_MAX = 1_000_000;
/** About a thousand accounts. */
const PIECE_LENGTH = 256 * 1024;
