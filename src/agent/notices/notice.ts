// A notice: what somebody is told when accounts go down or come back: one, or, when many change at once, all of them
// together; when something is wrong with the agent itself; and when a certificate is near its end. It holds what the status
// shows, so no secret.

import type { Tidings } from '../../core/health/debounce.ts';
import { printable } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { durationText } from '../../core/health/words.ts';
import type { AgentSnapshot } from '../operations.ts';
import { troublesOf } from '../troubles.ts';

export type NoticeAccount = Pick<
  AccountSnapshot,
  'account' | 'aor' | 'registrar' | 'state' | 'since' | 'nextAttempt' | 'failure'
> & {
  /** How long it had been down, seconds, once it is up again; null: unknown, or it is not. */
  readonly downFor: number | null;
};

/** Of accounts, of the agent itself, or of a certificate that is near its end. */
export type NoticeEvent = Tidings | 'trouble' | 'trouble-over' | 'certificate';

export type Notice = {
  readonly event: NoticeEvent;
  /** RFC 3339 UTC. */
  readonly time: string;
  /** How many accounts it is about; 0: it is about the agent. */
  readonly count: number;
  /** The first `MAX_ACCOUNTS` of them. */
  readonly accounts: readonly NoticeAccount[];
  /** Those near their end: whose, when, and who has to renew them; the first `MAX_CERTIFICATES`. */
  readonly certificates: readonly string[];
  /** What is wrong with the agent itself. */
  readonly troubles: readonly string[];
  readonly agent: Pick<AgentSnapshot, 'version' | 'config' | 'registered' | 'enabled'>;
};

export const MAX_ACCOUNTS = 100;
export const MAX_CERTIFICATES = 10;

/** What every notice says of the agent. */
export function agentPart(snapshot: AgentSnapshot): Pick<Notice, 'troubles' | 'agent'> {
  const { version, config, registered, enabled } = snapshot;
  return {
    troubles: troublesOf(snapshot).map(printable),
    agent: { version, config, registered, enabled },
  };
}

/** Both as one: the later one knows how things are now. */
export function joined<T extends Pick<Notice, 'count' | 'accounts' | 'certificates'>>(
  earlier: T,
  later: T,
): T {
  const accounts = [...earlier.accounts, ...later.accounts].slice(0, MAX_ACCOUNTS);
  const certificates = [...earlier.certificates, ...later.certificates].slice(0, MAX_CERTIFICATES);
  return { ...later, count: earlier.count + later.count, accounts, certificates };
}

/** One line: "office is down: 192.0.2.7:5061 refused the connection (connect.refused)". */
export function noticeText({ event, count, accounts, certificates, troubles }: Notice): string {
  if (event === 'certificate') return certificates.join('; ');
  if (event === 'trouble') return `the agent has a problem: ${troubles.join('; ')}`;
  if (event === 'trouble-over') return 'the agent has no problem any more';
  const [first] = accounts;
  if (first === undefined) return VERBS[event][1];
  if (count > 1) return `${count} accounts ${VERBS[event][1]}: ${namesText(accounts, count)}`;
  const { account, failure, downFor } = first;
  const why = failure === null || event === 'up' ? '' : `: ${failure.cause} (${failure.code})`;
  const span = downFor === null || event !== 'up' ? '' : ` after ${durationText(downFor)}`;
  return `${account} ${VERBS[event][0]}${span}${why}`;
}

/** What a webhook is sent. */
export function noticeDocument(notice: Notice): object {
  return { schema: 'sipreg.notice/1', text: noticeText(notice), ...notice };
}

const NAMED = 10;

function namesText(accounts: readonly NoticeAccount[], count: number): string {
  const names = accounts.slice(0, NAMED).map(({ account }) => account);
  return `${names.join(', ')}${count > names.length ? ', …' : ''}`;
}

/** Of one, of many. */
const VERBS: Readonly<Record<Tidings, readonly [string, string]>> = {
  down: ['is down', 'are down'],
  up: ['is registered again', 'are registered again'],
  flapping: ['comes and goes', 'come and go'],
  'still-down': ['is still down', 'are still down'],
};
