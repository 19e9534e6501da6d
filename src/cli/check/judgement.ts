// What a monitoring system is told of one account (interface.md, "check"): its state, why, and the numbers. Made of the
// snapshot that every other output is made of, so that all of them tell the same.

import type { LeastLife } from '../../core/health/certificate-expiry.ts';
import { conditionOf } from '../../core/health/condition.ts';
import { printable } from '../../core/health/evidence.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../core/health/snapshot.ts';
import { isAlert, type ThresholdRange } from '../../core/health/threshold-range.ts';
import { durationText, roundTripText } from '../../core/health/words.ts';
import { addressText } from '../../core/sip/ip.ts';
import type { Levels, Thresholds } from './check-options.ts';
import { type PluginState, worstOf } from './plugin-state.ts';

/** A number with its unit and the levels that it was judged by. */
export type Metric = {
  readonly name: 'rtt' | 'expires' | 'cert' | 'bindings';
  readonly value: number;
  readonly unit: 's' | '';
  readonly levels: Levels<string>;
  readonly min: number | null;
  readonly max: number | null;
};

export type Judgement = {
  readonly account: string;
  readonly state: PluginState;
  /** One line, without the account's name. */
  readonly text: string;
  readonly metrics: readonly Metric[];
  /** Its registration, or with --direct its credentials, are good at the registrar. */
  readonly registered: boolean;
  readonly failure: FailureSnapshot | null;
};

export type Finding = { readonly state: PluginState; readonly text: string };

/** One thing that was looked at: what is wrong with it, and its number. */
export type Aspect = { readonly findings: readonly Finding[]; readonly metrics: readonly Metric[] };

/** The account as the running agent sees it. */
export function judgeAccount(account: AccountSnapshot, thresholds: Thresholds, now: number): Judgement {
  const aspects = isAtRest(account)
    ? []
    : [
        roundTripOf(account, thresholds),
        timeLeftOf(account, thresholds, now),
        certificateOf(account, thresholds, now),
      ];
  return judgementOf(account, isRegistered(account), registrationFinding(account, now), aspects);
}

/** The worst of all findings, with the words of each. */
export function judgementOf(
  { account, failure }: Pick<AccountSnapshot, 'account' | 'failure'>,
  registered: boolean,
  main: Finding,
  aspects: readonly Aspect[],
): Judgement {
  const findings = [main, ...aspects.flatMap((aspect) => aspect.findings)];
  return {
    account,
    state: worstOf(findings.map(({ state }) => state)),
    text: findings.map(({ text }) => text).join('; '),
    metrics: aspects.flatMap(({ metrics }) => metrics),
    registered,
    failure,
  };
}

/** "auth.rejected: the registrar does not accept …", as every other output has it. */
export function failureText({ code, cause }: FailureSnapshot): string {
  return `${code}: ${printable(cause)}`;
}

function isRegistered(account: AccountSnapshot): boolean {
  return conditionOf(account) === 'up';
}

/** Somebody said so: nothing is wrong. */
export function isAtRest(account: Pick<AccountSnapshot, 'state' | 'failure'>): boolean {
  return conditionOf(account) === 'resting';
}

function registrationFinding(account: AccountSnapshot, now: number): Finding {
  const { state, failure, expires } = account;
  const why = failure === null ? '' : failureText(failure);
  if (isAtRest(account)) return { state: 'OK', text: AT_REST[state] ?? state };
  if (isRegistered(account)) {
    // Of several flows one is down, or the refresh that is under way is not the first try.
    if (failure !== null) return { state: 'WARNING', text: `registered, but ${why}` };
    return { state: 'OK', text: `registered${whereText(account)}${timeText(account, now)}` };
  }
  const left = expires === null ? 0 : (Date.parse(expires.at) - now) / 1000;
  if (state !== 'blocked' && left > 0) {
    const text = `${why === '' ? state : `the refresh fails: ${why}`}; still bound for ${durationText(left)}`;
    return { state: 'WARNING', text };
  }
  return { state: 'CRITICAL', text: `not registered (${state})${why === '' ? '' : `: ${why}`}` };
}

const AT_REST: Readonly<Record<string, string>> = {
  paused: 'paused by an operator',
  disabled: 'disabled in the accounts file',
  standby: 'standby',
};

/** " at tls 192.0.2.7:5061". */
export function whereText({ target }: Pick<AccountSnapshot, 'target'>): string {
  return target === null ? '' : ` at ${target.transport} ${addressText(target)}`;
}

function timeText({ expires, rtt }: AccountSnapshot, now: number): string {
  const left = expires === null ? '' : `, ${durationText((Date.parse(expires.at) - now) / 1000)} left`;
  return left + (rtt === null ? '' : `, ${roundTripText(rtt)}`);
}

/** The round trip of the last answered request. */
export function roundTripOf({ rtt }: Pick<AccountSnapshot, 'rtt'>, { roundTrip }: Thresholds): Aspect {
  if (rtt === null) return NOTHING;
  return {
    findings: levelFindings(rtt, roundTrip, `the round trip of ${rtt} s`),
    metrics: [{ name: 'rtt', value: rtt, unit: 's', levels: textsOf(roundTrip), min: 0, max: null }],
  };
}

function timeLeftOf({ expires }: AccountSnapshot, thresholds: Thresholds, now: number): Aspect {
  if (expires === null) return NOTHING;
  const left = Math.round((Date.parse(expires.at) - now) / 1000);
  const levels = thresholds.expires;
  return {
    findings: levelFindings(left, levels, `the binding's ${left} s left`),
    metrics: [
      { name: 'expires', value: left, unit: 's', levels: textsOf(levels), min: null, max: expires.granted },
    ],
  };
}

/** Both sides' certificates, by the time that they have left: whichever ends first is the number. */
export function certificateOf(
  { tls }: Pick<AccountSnapshot, 'tls'>,
  { certificate }: Thresholds,
  now: number,
): Aspect {
  if (tls === null) return NOTHING;
  const certificates = [
    { whose: "the registrar's certificate", dates: tls.peer },
    { whose: 'our own certificate', dates: tls.own },
  ].flatMap(({ whose, dates }) => {
    const endsAt = Date.parse(dates?.validTo ?? '');
    if (dates === null || Number.isNaN(endsAt)) return [];
    const warning = leastMs(certificate.warning, dates);
    const critical = leastMs(certificate.critical, dates);
    return [{ whose, left: endsAt - now, warning, critical }];
  });
  const [first] = certificates.toSorted((a, b) => a.left - b.left);
  if (first === undefined) return NOTHING;
  const levels = { warning: secondsRange(first.warning), critical: secondsRange(first.critical) };
  const value = Math.round(first.left / 1000);
  return {
    findings: certificates.flatMap(({ whose, left, warning, critical }): Finding[] => {
      const words = left < 0 ? `${whose} has expired` : `${whose} ends in ${durationText(left / 1000)}`;
      if (left < Math.max(0, critical)) return [{ state: 'CRITICAL', text: words }];
      return left < warning ? [{ state: 'WARNING', text: words }] : [];
    }),
    metrics: [{ name: 'cert', value, unit: 's', levels, min: null, max: null }],
  };
}

type Dates = { readonly validFrom: string; readonly validTo: string };

/** What is asked for as a part of a lifetime that nobody can read is not asked for. */
function leastMs({ ms, part }: LeastLife, { validFrom, validTo }: Dates): number {
  const lifetime = Date.parse(validTo) - Date.parse(validFrom);
  const ofLifetime = Number.isFinite(lifetime) && Number.isFinite(part) ? lifetime * part : ms;
  const least = Math.min(ms, ofLifetime);
  return Number.isFinite(least) ? least : 0;
}

/** Less than so much is an alert. */
function secondsRange(ms: number): string {
  return `${Math.round(ms / 1000)}:`;
}

function levelFindings(value: number, levels: Levels<ThresholdRange>, what: string): readonly Finding[] {
  const { warning, critical } = levels;
  if (critical !== null && isAlert(critical, value)) {
    return [{ state: 'CRITICAL', text: `${what} is critical by ${critical.text}` }];
  }
  if (warning !== null && isAlert(warning, value)) {
    return [{ state: 'WARNING', text: `${what} is a warning by ${warning.text}` }];
  }
  return [];
}

function textsOf({ warning, critical }: Levels<ThresholdRange>): Levels<string> {
  return { warning: warning?.text ?? null, critical: critical?.text ?? null };
}

const NOTHING: Aspect = { findings: [], metrics: [] };
