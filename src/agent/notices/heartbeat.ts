// A dead-man switch in the style of Healthchecks: the URL is asked for again and again while all accounts are registered,
// and with /fail, at once, when one is down. Whoever has the other end notices when nothing comes any more: also when this
// agent, its host or its network is gone.

import type { Millis } from '../../core/time.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import { sleep } from './delivery.ts';
import { post, type SecretUrl } from './http-request.ts';

export type HeartbeatOptions = {
  readonly url: SecretUrl;
  readonly intervalMs: Millis;
  readonly health: () => 'good' | 'bad' | 'unsettled';
  /** What the other end shows; no secret is in it. */
  readonly body: () => string;
  readonly userAgent: string;
  readonly warn: (text: string) => void;
};

export type Heartbeat = {
  /** Something has changed: it is told at once. */
  readonly hurry: () => void;
  readonly close: () => void;
};

const ANSWER_WITHIN_MS: Millis = 10_000;
/** Between the tries of one beat. */
const PAUSES_MS: readonly Millis[] = [1_000, 3_000];
/** Healthchecks takes no more in a minute. */
const BEATS_A_MINUTE = 5;
const MINUTE_MS: Millis = 60_000;
/** It costs a look at every account. */
const UNSETTLED_MS: Millis = 5_000;

export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { intervalMs, health } = options;
  const end = new AbortController();
  let hurry = new AbortController();
  /** So long, or until it is to hurry. */
  const pause = async (ms: Millis): Promise<void> => {
    await sleep(ms, AbortSignal.any([hurry.signal, end.signal]));
    hurry = new AbortController();
  };
  /** When the last beats were. */
  let beats: readonly Millis[] = [];
  const beat = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const state = health();
      // Between good and bad nothing is said: it will soon be one of them.
      if (state === 'unsettled') {
        await pause(Math.min(UNSETTLED_MS, intervalMs));
        continue;
      }
      beats = [...beats, monotonicNow()].slice(-BEATS_A_MINUTE);
      await tell(options, state === 'bad', end.signal);
      await pause(intervalMs);
      const [first = 0] = beats;
      if (beats.length === BEATS_A_MINUTE)
        await sleep(Math.max(0, first + MINUTE_MS - monotonicNow()), end.signal);
    }
  };
  void beat();
  return { hurry: () => hurry.abort(), close: () => end.abort() };
}

async function tell(options: HeartbeatOptions, isBad: boolean, end: AbortSignal): Promise<void> {
  const { url, body, userAgent, warn } = options;
  let problem = '';
  for (const pause of [...PAUSES_MS, null]) {
    const known = await url.read();
    if (known.ok) {
      const posting = {
        body: body(),
        type: 'text/plain; charset=utf-8',
        userAgent,
        withinMs: ANSWER_WITHIN_MS,
        end,
      };
      const outcome = await post(isBad ? failUrl(known.value) : known.value, posting);
      if (outcome.ok) return;
      url.forget();
      problem = outcome.error.text;
    } else problem = known.error;
    if (end.aborted) return;
    if (pause !== null) await sleep(pause, end);
  }
  warn(`the heartbeat did not arrive: ${problem}`);
}

/** ".../uuid" becomes ".../uuid/fail"; a query stays. */
export function failUrl(url: URL): URL {
  const failing = new URL(url);
  failing.pathname = `${failing.pathname.replace(/\/$/, '')}/fail`;
  return failing;
}
