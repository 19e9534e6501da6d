// One SIP message of the agent's trace for people: when, which way, whose, and the message as it was, credentials redacted.

import type { TraceMessage } from '../../agent/trace/trace-ring.ts';
import { printableLines } from '../../core/health/evidence.ts';
import { addressText } from '../../core/sip/ip.ts';
import { stampText } from '../../runtime/local-time.ts';
import type { Theme } from '../colors.ts';

/** "2026-11-21T10:00:00.123+01:00 office ---> udp 192.0.2.7:5060 (from 192.0.2.50:40112)", and the message. */
export function traceText(message: TraceMessage, theme: Theme): string {
  const { time, direction, account, transport, local, remote, text } = message;
  const stamp = stampText(time).replace(/([+-]\d\d:\d\d)$/, `${time.slice(19, 23)}$1`);
  const arrow = direction === 'sent' ? '--->' : '<---';
  const [to, from] = [addressText(remote), addressText(local)];
  const ends = direction === 'sent' ? `${to} (from ${from})` : `${to} (to ${from})`;
  const head = [stamp, account ?? '', arrow, transport, ends].filter((part) => part !== '').join(' ');
  return `${theme.strong(head)}\n${printableLines(text).trimEnd()}`;
}
