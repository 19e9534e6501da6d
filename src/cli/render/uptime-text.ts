// How long an account was registered, in a line: of the time that an agent looked, and how much of it nobody did.

import type { Uptime, UptimeShare } from '../../agent/history.ts';
import { durationText } from '../../core/health/words.ts';

/** Gaps below this are the moments of a restart. */
const NOTICED_SECONDS = 60;

/** "99.98 % of 24 h, 99.9 % of 7 d; of 3 h of the last 24 h nothing is known". */
export function uptimeText({ day, week }: Uptime): string {
  const gap =
    day.unknown < NOTICED_SECONDS
      ? ''
      : `; of ${durationText(day.unknown)} of the last 24 h nothing is known`;
  return `${shareText(day)} of 24 h, ${shareText(week)} of 7 d${gap}`;
}

/** Rounded down: 100 % is never what was down for a second. */
function shareText({ ratio }: UptimeShare): string {
  return ratio === null ? '-' : `${Math.floor(ratio * 10_000) / 100} %`;
}
