// One account in full, for `status ACCOUNT`: what holds now and since when, what went wrong with its evidence, what happens
// next and when, and where it all comes from. Text of the registrar's is made printable here.

import type { AccountDetail } from '../../agent/operations.ts';
import { printable, printableUpTo } from '../../core/health/evidence.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../core/health/snapshot.ts';
import { durationText, roundTripText, ruleText } from '../../core/health/words.ts';
import { addressText } from '../../core/sip/ip.ts';
import { timeText } from '../../runtime/local-time.ts';
import type { Theme } from '../colors.ts';
import { type Layout, stateColor, targetText, wrapped } from './status-table.ts';
import { tlsRows } from './tls-rows.ts';
import { uptimeText } from './uptime-text.ts';

/** Foreign text in a cause was made printable where it was read; fingerprints of certificates are to be seen. */
const MAX_CAUSE = 1_000;

type Row = readonly [label: string, text: string];

const LABEL_WIDTH = 11;
const INDENT = 2;

/** The account in full; `events` are its last ones, oldest first. */
export function accountDetail(
  account: AccountSnapshot & Partial<Pick<AccountDetail, 'events' | 'uptime'>>,
  theme: Theme,
  layout: Layout,
): string {
  const { now } = layout;
  const rows: readonly Row[] = [
    ['aor', account.aor],
    ['registrar', account.registrar],
    ...grantRows(account, now),
    ...nextRows(account, now),
    ...uptimeRows(account.uptime ?? null),
    ...failureRows(account.failure, now),
    ...networkRows(account, now),
    ...identityRows(account),
    ...learnedRows(account),
    ...bindingRows(account),
    ...(account.events ?? []).map(
      ({ time, text }, at): Row => [at === 0 ? 'events' : '', `${timeText(time, now)}  ${printable(text)}`],
    ),
  ];
  return [headline(account, theme, now), ...rows.flatMap((row) => rowLines(row, theme, layout))].join('\n');
}

function uptimeRows(uptime: AccountDetail['uptime']): readonly Row[] {
  return uptime === null ? [] : [['uptime', uptimeText(uptime)]];
}

function headline({ account, state, since }: AccountSnapshot, theme: Theme, now: Date): string {
  const lasting = durationText((now.getTime() - Date.parse(since)) / 1000);
  const word = stateColor(state, theme)(state);
  return `${theme.strong(account)}  ${word} since ${timeText(since, now)}, for ${lasting}`;
}

function grantRows({ expires }: AccountSnapshot, now: Date): readonly Row[] {
  if (expires === null) return [];
  const seconds = (Date.parse(expires.at) - now.getTime()) / 1000;
  const end = seconds <= 0 ? 'ended' : `ends in ${durationText(seconds)},`;
  const rule = ruleText(expires).slice(1, -1);
  return [
    ['granted', `${durationText(expires.granted)}, ${end} at ${timeText(expires.at, now)}`],
    ['', rule],
  ];
}

/** Each of several flows goes its own way. */
function nextRows(account: AccountSnapshot, now: Date): readonly Row[] {
  const { flows } = account;
  if (flows.length < 2) return [['next', nextWords(account, now)]];
  return flows.flatMap((flow): readonly Row[] => {
    const { regId, proxy, state, target, callId, cseq } = flow;
    const by = proxy === null ? '' : ` by ${printable(proxy)}`;
    const where = target === null ? '' : `${targetText(target)}, `;
    const next = nextWords({ ...flow, account: account.account }, now);
    return [
      [`flow ${regId}`, `${state}${by}`],
      ['', `${where}${next}`],
      ['', `Call-ID ${callId}, CSeq ${cseq}`],
    ];
  });
}

/** What happens next by itself, and when; else what somebody has to do. */
function nextWords(
  { account, state, nextAttempt }: Pick<AccountSnapshot, 'account' | 'state' | 'nextAttempt'>,
  now: Date,
): string {
  if (state === 'disabled') return 'nothing: "enabled" is false in the accounts file';
  if (state === 'paused') return `nothing until "sipreg resume ${account}"`;
  if (nextAttempt !== null) {
    const doing = state === 'registered' ? 'refreshed' : state === 'blocked' ? 'probed' : 'tried again';
    const seconds = (Date.parse(nextAttempt) - now.getTime()) / 1000;
    return `${doing} in ${durationText(seconds)}, at ${timeText(nextAttempt, now)}`;
  }
  if (state === 'blocked') return `nothing until the secret changes, or "sipreg refresh ${account}"`;
  return state === 'registered' ? 'nothing planned' : 'under way';
}

function failureRows(failure: FailureSnapshot | null, now: Date): readonly Row[] {
  if (failure === null) return [];
  const { code, cause, advice, status, reason, retryAfter, at } = failure;
  const answer = status === null ? '' : `, answer ${status} ${printable(reason ?? '')}`.trimEnd();
  const floor = retryAfter === null ? '' : `, Retry-After ${durationText(retryAfter)}`;
  return [
    ['failure', `${code} at ${timeText(at, now)}${answer}${floor}`],
    ['  cause', printableUpTo(MAX_CAUSE, cause)],
    ['  advice', advice],
  ];
}

function networkRows(account: AccountSnapshot, now: Date): readonly Row[] {
  const { target, rtt, local, tls } = account;
  const rows: Row[] = [];
  if (target !== null) {
    const trip = rtt === null ? '' : `, round trip ${roundTripText(rtt)}`;
    rows.push(['target', `${targetText(target)} (${printable(target.host)})${trip}`]);
  }
  if (local !== null) rows.push(['local', addressText(local)]);
  if (account.public !== null)
    rows.push(['public', `${addressText(account.public)}, as the registrar sees it`]);
  if (tls !== null) rows.push(...tlsRows(tls, now));
  return rows;
}

function identityRows({ auth, callId, cseq, requests, flows }: AccountSnapshot): readonly Row[] {
  const rows: Row[] = [];
  if (auth !== null) {
    const qop = auth.qop === null ? 'no qop' : `qop ${auth.qop}`;
    rows.push(['digest', `realm "${printable(auth.realm)}", ${auth.algorithm}, ${qop}`]);
  }
  if (callId !== '' && flows.length < 2) {
    const count = `${requests} ${requests === 1 ? 'request' : 'requests'} for the last outcome`;
    rows.push(['Call-ID', callId], ['CSeq', `${cseq}, ${count}`]);
  }
  return rows;
}

/** What the 2xx said besides the bindings (RFC 3608, 3327, 5626, 5627, 7315). */
function learnedRows(account: AccountSnapshot): readonly Row[] {
  const { outbound, path, serviceRoute, gruu, associatedUris } = account;
  return [
    ...(outbound ? [['outbound', 'applied by the registrar (RFC 5626)'] as const] : []),
    ...listRows('path', path),
    ...listRows('route', serviceRoute),
    ...listRows(
      'gruu',
      [gruu.public, gruu.temporary].flatMap((uri) => uri ?? []),
    ),
    ...listRows('identities', associatedUris),
  ];
}

function listRows(label: string, values: readonly string[]): readonly Row[] {
  return values.map((value, at) => [at === 0 ? label : '', printable(value)]);
}

function bindingRows({ bindings }: AccountSnapshot): readonly Row[] {
  return bindings.map(({ uri, expires, own }, at) => {
    const left = expires === null ? 'no time given' : durationText(expires);
    return [at === 0 ? 'bindings' : '', `${printable(uri)}  ${left}${own ? ', ours' : ''}`];
  });
}

function rowLines([label, text]: Row, theme: Theme, { columns }: Layout): readonly string[] {
  const width = columns === null ? null : columns - INDENT - LABEL_WIDTH;
  return wrapped(text, width).map((line, at) => {
    const head = at === 0 ? label : '';
    return `${' '.repeat(INDENT)}${theme.faint(head)}${' '.repeat(LABEL_WIDTH - head.length)}${line}`;
  });
}
