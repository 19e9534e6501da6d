// How long after an episode an account may take to be registered again: the back-off cap and what is under way when
// the fault heals (behaviour.md §11, RFC 5626 §4.5), or the longer waits that some answers ask for.

import type { Millis } from '../../src/core/time.ts';
import type { Episode, Fault } from './episodes.ts';
import type { WorldPlan } from './plan.ts';
import { HOUR, MINUTE, SECOND } from './spans.ts';

/** Timer F, a connection that does not come about, and a name that is not found, for each of the targets. */
const TRANSACTION: Millis = 50 * SECOND;
/** Five minutes, the cap of the back-off with one flow (RFC 5626 §4.5), and a tenth more after a refusal. */
const REFUSED_WAIT: Millis = 331 * SECOND;
/** The cap with several flows. */
const FLOW_WAIT: Millis = 1_801 * SECOND;
/** A registrar that does not say stale, and is asked the same once more after a sleep in the middle of a round, seems to
 * reject the credentials: ten minutes and a tenth (behaviour.md §10). */
const DOUBTED_WAIT: Millis = 661 * SECOND;
/** The files of rejected accounts are looked at every five seconds, and a round takes a few more. */
const AT_ONCE: Millis = 10 * SECOND;

/** The longest time from the end of `episode` until every account is registered. */
export function allowance(episode: Episode, plan: WorldPlan): Millis {
  const targets = plan.hostCount * (plan.signposts === 'naptr' ? 2 : 1) + (plan.hasDeadTarget ? 1 : 0);
  const attempts = TRANSACTION * (targets + 1);
  const pace = (plan.accounts.length / plan.pacePerSecond) * 2 * SECOND;
  const waits = episode.faults.map((fault) => longestWait(fault, episode, plan));
  if (plan.signposts === 'edges') waits.push(FLOW_WAIT);
  return Math.max(...waits) + 2 * attempts + pace;
}

/** True when something stands in the way of a binding that is alive. */
export function isTrouble(fault: Fault, episode: Episode, plan: WorldPlan): boolean {
  const { lastsMs, faults } = episode;
  const { signposts } = plan;
  switch (fault.type) {
    // The other host takes the binding over, where each is as good as the other; and a moved one is found again.
    case 'hosts':
      return signposts === 'edges' || fault.which.length > 1;
    case 'moved':
      return signposts === 'edges' || (plan.hasDeadTarget && areGrantsShort(episode, plan));
    // Flows that are there need no DNS, and the last good targets are known, unless they are none any more.
    case 'dns':
      return fault.fails === 'no-such-name' || faults.length > 1 || hasJustMoved(episode, plan);
    case 'nat-rebinding':
    case 'connections-reset':
    case 'nonces-forgotten':
    case 'clock-step':
    case 'refresh':
      return false;
    case 'registrar':
      return fault.manners.minSeconds === undefined && fault.manners.maxSeconds === undefined;
    case 'kill':
      return lastsMs > 3 * SECOND;
    default:
      return true;
  }
}

/** Now or a moment ago: behaviour.md §5 has short ones refreshed 40 s before their end, which is time for one target that
 * is silent, not for two (seed 8556). */
function areGrantsShort({ at }: Episode, { episodes }: WorldPlan): boolean {
  return episodes.some(
    ({ at: since, lastsMs, faults }) =>
      since <= at &&
      at <= since + lastsMs + 15 * MINUTE &&
      faults.some((fault) => fault.type === 'registrar' && fault.manners.maxSeconds !== undefined),
  );
}

/** A host has moved, and maybe no refresh has missed it yet (seed 3828: the other had moved before, in silence). */
function hasJustMoved({ at }: Episode, plan: WorldPlan): boolean {
  return plan.episodes.some(
    ({ at: movedAt, faults }) =>
      movedAt <= at && at - movedAt <= unnoticedFor(plan) && faults.some(({ type }) => type === 'moved'),
  );
}

function longestWait(fault: Fault, episode: Episode, plan: WorldPlan): Millis {
  switch (fault.type) {
    case 'refusals':
      return afterRefusals(fault.refusal.status, fault.refusal.retryAfterSeconds ?? 0, episode);
    case 'hosts':
      return fault.trouble.type === 'overloaded'
        ? afterRefusals(503, fault.trouble.retryAfterSeconds ?? 0, episode)
        : REFUSED_WAIT;
    case 'registrar-restart':
      return Math.max(REFUSED_WAIT, unnoticedFor(plan));
    // Nobody tells but the next keep-alive.
    case 'nat-rebinding':
    case 'moved':
      return (plan.manners.flowTimerSeconds ?? 0) * SECOND + REFUSED_WAIT;
    case 'suspend':
      return plan.manners.hidesStale ? DOUBTED_WAIT : REFUSED_WAIT;
    case 'password':
      return fault.healedBy === 'account' ? AT_ONCE : longestProbe(plan);
    default:
      return REFUSED_WAIT;
  }
}

function afterRefusals(status: number, retryAfterSeconds: number, { lastsMs }: Episode): Millis {
  const floor = retryAfterSeconds * SECOND + Math.min(MINUTE, 0.1 * retryAfterSeconds * SECOND);
  // behaviour.md §10: five minutes, doubling to sixty: the wait is about as long as what was waited before.
  const forbidden = status === 403 ? Math.min(HOUR, 1.1 * lastsMs + 2 * REFUSED_WAIT) : 0;
  return Math.max(floor, forbidden, REFUSED_WAIT);
}

/** Over UDP nobody tells that the registrar has forgotten or moved: the next refresh finds out. */
function unnoticedFor({ accounts }: WorldPlan): Millis {
  return Math.max(...accounts.map(({ profile }) => profile.expires)) * SECOND;
}

/** How long a blocked account waits before it tries by itself. */
export function longestProbe({ accounts }: WorldPlan): Millis {
  return Math.max(...accounts.map(({ profile }) => profile.retry.blockedProbeSeconds)) * SECOND;
}
