// Many accounts with the same news at the same registrar within seconds: the first few are told one by one, the others
// become one summary when the window ends. As long as more come the windows grow, so the lines of a minute are bounded
// however many accounts there are. Nothing here reads a clock.

import { admit, type Bucket, type Pace } from '../../core/pacing/token-bucket.ts';
import { earliest, type Millis } from '../../core/time.ts';
import { keptEvent } from '../events.ts';
import { type Judged, kindOf } from './news.ts';

/** What a window held back. */
export type Summary = {
  /** null: of several registrars. */
  readonly registrar: string | null;
  readonly count: number;
  /** The first ones, at most SAMPLES; all of them when `count` is no more. */
  readonly samples: readonly Judged[];
  readonly latest: Judged;
  readonly withinMs: Millis;
  /** The first of their next attempts, RFC 3339; null: none is planned. */
  readonly nextAttempt: string | null;
};

export type Crowds = {
  /** True: tell it by itself, now. False: it is part of a later summary. */
  readonly admit: (news: Judged, now: Millis) => boolean;
  /** The summaries of the windows that have ended by `now`. */
  readonly take: (now: Millis) => readonly Summary[];
  /** When the next window ends; undefined: none is open. */
  readonly nextAt: () => Millis | undefined;
};

type Crowd = {
  readonly registrar: string | null;
  beganAt: Millis;
  windowMs: Millis;
  alone: number;
  count: number;
  samples: Judged[];
  latest: Judged | null;
  nextAttempt: string | null;
};

/** One by one before a crowd is seen as one. */
const ALONE = 5;
/** So few that were held back are told one by one after all. */
export const SAMPLES = 3;
const FIRST_WINDOW_MS: Millis = 5_000;
const LONGEST_WINDOW_MS: Millis = 30_000;
/** With more open windows than this, registrars are no longer told apart. */
const MAX_CROWDS = 16;
/** Over all crowds: how many lines stand alone. */
const ALONE_PACE: Pace = { perSecond: 2, burst: 60 };

/** No crowd yet. */
export function createCrowds(): Crowds {
  const crowds = new Map<string, Crowd>();
  let aloneBucket: Bucket | undefined;

  const mayStandAlone = (now: Millis): boolean => {
    const { at, bucket } = admit(aloneBucket, ALONE_PACE, now);
    if (at > now) return false;
    aloneBucket = bucket;
    return true;
  };
  const crowdOf = (news: Judged, now: Millis): Crowd => {
    const { registrar } = news;
    const kind = kindOf(news);
    const own = `${kind}\n${registrar ?? ''}`;
    // As long as a crowd of several registrars goes on, those who come belong to it.
    const known = crowds.get(own) ?? crowds.get(kind);
    if (known !== undefined) return known;
    const isCrowded = crowds.size >= MAX_CROWDS;
    const key = isCrowded ? kind : own;
    const crowd = openWindow(isCrowded ? null : registrar, now);
    crowds.set(key, crowd);
    return crowd;
  };
  return {
    admit: (news, now) => {
      const crowd = crowdOf(news, now);
      if (crowd.alone < ALONE && mayStandAlone(now)) {
        crowd.alone += 1;
        return true;
      }
      hold(crowd, news);
      return false;
    },
    take: (now) => {
      const summaries: Summary[] = [];
      for (const [key, crowd] of crowds) {
        if (now < crowd.beganAt + crowd.windowMs) continue;
        const summary = summaryOf(crowd);
        if (summary === null) crowds.delete(key);
        else {
          summaries.push(summary);
          openNextWindow(crowd, now);
        }
      }
      return summaries;
    },
    nextAt: () => {
      let next: Millis | undefined;
      for (const { beganAt, windowMs } of crowds.values()) next = earliest(next, beganAt + windowMs);
      return next;
    },
  };
}

function openWindow(registrar: string | null, now: Millis): Crowd {
  const windowMs = FIRST_WINDOW_MS;
  return {
    registrar,
    beganAt: now,
    windowMs,
    alone: 0,
    count: 0,
    samples: [],
    latest: null,
    nextAttempt: null,
  };
}

/** While it goes on nobody stands alone, and the next summary takes longer. */
function openNextWindow(crowd: Crowd, now: Millis): void {
  crowd.beganAt = now;
  crowd.windowMs = Math.min(crowd.windowMs * 2, LONGEST_WINDOW_MS);
  crowd.alone = ALONE;
  crowd.count = 0;
  crowd.samples = [];
  crowd.latest = null;
  crowd.nextAttempt = null;
}

function hold(crowd: Crowd, news: Judged): void {
  crowd.count += 1;
  if (crowd.samples.length < SAMPLES) crowd.samples.push({ ...news, event: keptEvent(news.event) });
  crowd.latest = news;
  const next = nextAttemptOf(news);
  // RFC 3339 in UTC and in one form: the order of the text is that of time.
  if (next !== null && (crowd.nextAttempt === null || next < crowd.nextAttempt)) crowd.nextAttempt = next;
}

function nextAttemptOf({ event }: Judged): string | null {
  switch (event.type) {
    case 'state':
      // Who is registered has no next attempt that a summary would tell.
      return event.state === 'registered' ? null : event.snapshot.nextAttempt;
    case 'failure':
      return event.nextAttempt;
    default:
      return null;
  }
}

function summaryOf(crowd: Crowd): Summary | null {
  const { registrar, count, samples, latest, windowMs, nextAttempt } = crowd;
  return latest === null ? null : { registrar, count, samples, latest, withinMs: windowMs, nextAttempt };
}
