// One account in one line, and a failure in the four lines that somebody needs at three in the morning: what happened,
// why, what to do, what happens next.

import type { AccountSnapshot, FailureSnapshot } from '../../core/health/snapshot.ts';
import { durationText, roundTripText, ruleText } from '../../core/health/words.ts';
import { timeText } from '../../runtime/local-time.ts';
import type { Theme } from '../colors.ts';
import { targetText } from './status-table.ts';

/** "✓ office  registered for 300 s (…)  192.0.2.7:5061 tls  34 ms". */
export function registeredLine(account: AccountSnapshot, theme: Theme): string {
  const { expires } = account;
  const facts =
    expires === null ? '' : ` for ${durationText(expires.granted)} ${theme.faint(ruleText(expires))}`;
  return `${theme.good('✓')} ${theme.strong(account.account)}  registered${facts}${whereText(account, theme)}`;
}

/** "✓ office  unregistered  …". */
export function removedLine(account: AccountSnapshot, theme: Theme): string {
  const left = account.bindings.filter((one) => one.expires !== 0).length;
  const others = left === 0 ? '' : `  ${left === 1 ? 'one contact' : `${left} contacts`} of others left`;
  return `${theme.good('✓')} ${theme.strong(account.account)}  unregistered${others}${whereText(account, theme)}`;
}

/** What is wrong with an account that is well otherwise: one of its flows is down. Null: nothing. */
export function doubtText({ account, failure }: Pick<AccountSnapshot, 'account' | 'failure'>): string | null {
  return failure === null ? null : `${account}: ${failure.code}: ${failure.cause}`;
}

/** The verdict on a failure; `verb` is what did not happen ("not registered"). */
export function failureLines(
  { account }: Pick<AccountSnapshot, 'account'>,
  failure: FailureSnapshot,
  verb: string,
  next: string | null,
  theme: Theme,
): string {
  const lines = [
    `${theme.bad('✗')} ${theme.strong(account)}  ${verb}  ${theme.bad(failure.code)}`,
    `    cause   ${failure.cause}`,
    `    advice  ${failure.advice}`,
  ];
  if (next !== null) lines.push(`    next    ${next}`);
  return lines.join('\n');
}

/** When it will be tried again, in words; what nobody will do is said too. */
export function nextText({ nextAttempt }: Pick<AccountSnapshot, 'nextAttempt'>): string {
  if (nextAttempt !== null) {
    const seconds = (Date.parse(nextAttempt) - Date.now()) / 1000;
    return `tried again in ${durationText(seconds)}, at ${timeText(nextAttempt)}`;
  }
  return 'not tried again until the secret or the account changes';
}

function whereText({ target, rtt, requests }: AccountSnapshot, theme: Theme): string {
  if (target === null) return '';
  const trip = rtt === null ? '' : `  ${roundTripText(rtt)}`;
  const count = theme.faint(`${requests} ${requests === 1 ? 'request' : 'requests'}`);
  return `  ${targetText(target)}${trip}  ${count}`;
}
