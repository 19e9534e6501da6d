// SIP messages as a ladder: our address on the left, the other side on the right, an arrow for each message, with the
// time and how long after the one before it came.

import type { TraceMessage } from '../../agent/trace/trace-ring.ts';
import { printableUpTo } from '../../core/health/evidence.ts';
import { addressText } from '../../core/sip/ip.ts';
import { timeText } from '../../runtime/local-time.ts';
import type { Theme } from '../colors.ts';

/** Between the two rails. */
const LANE = 46;
/** Of times of today; those of other days have their date. */
const TIME_WIDTH = 26;
const LONGEST_LABEL = LANE - 8;

/** The ladder of `messages`, oldest first, read at `now`; each pair of addresses begins with a head of its own. */
export function ladderText(messages: readonly TraceMessage[], theme: Theme, now: Date = new Date()): string {
  const times = messages.map((message, at) => momentOf(message, messages[at - 1], now));
  const width = times.reduce((widest, time) => Math.max(widest, time.length + 1), TIME_WIDTH);
  const lines: string[] = [];
  let place = '';
  messages.forEach((message, at) => {
    const head = headOf(message, width);
    if (head !== place) lines.push(...(place === '' ? [] : ['']), theme.strong(head));
    place = head;
    lines.push(`${theme.faint((times[at] ?? '').padEnd(width))}${rung(message, theme)}`);
  });
  return lines.join('\n');
}

/** When it went or came, and how long after the one before it. */
function momentOf({ time }: TraceMessage, before: TraceMessage | undefined, now: Date): string {
  const clock = `${timeText(time, now).replace(/[+-]\d\d:\d\d$/, '')}${time.slice(19, 23)}`;
  const gap = before === undefined ? null : Math.max(0, Date.parse(time) - Date.parse(before.time));
  return gap === null ? clock : `${clock} +${gap} ms`;
}

function headOf({ local, remote, transport, account }: TraceMessage, width: number): string {
  const [left, right] = [addressText(local), `${transport} ${addressText(remote)}`];
  const gap = ' '.repeat(Math.max(2, LANE + 2 - left.length - right.length));
  return `${(account ?? '').padEnd(width)}${left}${gap}${right}`.trimEnd();
}

function rung(message: TraceMessage, theme: Theme): string {
  const label = labelOf(message.text);
  const dashes = '─'.repeat(Math.max(1, LANE - label.length - 7));
  const arrow = message.direction === 'sent' ? ` ── ${label} ${dashes}▶ ` : ` ◀${dashes} ${label} ── `;
  const color = /^[3-6]\d\d /.test(label) ? theme.caution : (text: string): string => text;
  return `│${color(arrow)}│`;
}

/** "REGISTER (7)", "401 Unauthorized (7 REGISTER)": the start line with the CSeq. */
function labelOf(text: string): string {
  const [start = ''] = text.split(/\r?\n/, 1);
  const [, number = '?', method = '?'] = /^CSeq\s*:\s*(\d+)\s+(\S+)/im.exec(text) ?? [];
  const response = /^SIP\/\d\.\d (\d{3}) ?(.*)$/i.exec(start);
  const words =
    response === null
      ? `${start.split(' ', 1)[0]} (${number})`
      : `${`${response[1]} ${response[2]}`.trim()} (${number} ${method})`;
  return printableUpTo(LONGEST_LABEL - 1, words);
}
