// The three forms of the log: plain for people, journald with sd-daemon(3) priorities and nothing that journald adds by
// itself, and NDJSON for programs (interface.md).

import { fstatSync } from 'node:fs';
import { printableJson } from '../../core/health/evidence.ts';
import { stampText } from '../../runtime/local-time.ts';
import type { AgentEvent, Severity } from '../events.ts';
import type { Line } from './words.ts';

/** How a stream shows what matters; each function gives its text back, perhaps in colour. */
export type LogTheme = {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly caution: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
};

/** The widest state but one: lines stand in columns. */
const LABEL_WIDTH = 12;

const PRIORITY: Readonly<Record<Severity, number>> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };

/** "2026-11-21T14:04:25+01:00  office  waiting       connect.refused: …". */
export function plainText({ time, severity, subject, label, text }: Line, theme: LogTheme): string {
  const stamp = theme.faint(stampText(time));
  if (text === '') return `${stamp}  ${theme.strong(subject)}  ${coloured(label, label, severity, theme)}`;
  const padded = coloured(label, label.padEnd(LABEL_WIDTH), severity, theme);
  return `${stamp}  ${theme.strong(subject)}  ${padded}  ${text}`;
}

function coloured(label: string, shown: string, severity: Severity, theme: LogTheme): string {
  if (severity === 'error') return theme.bad(shown);
  if (severity === 'warning') return theme.caution(shown);
  return label === 'registered' && severity !== 'debug' ? theme.good(shown) : shown;
}

/** "<4>office  waiting  connect.refused: …". */
export function journalText({ severity, subject, label, text }: Line): string {
  return prefixed(severity, text === '' ? `${subject}  ${label}` : `${subject}  ${label}  ${text}`);
}

/** A bare line with its priority. */
export function prefixed(severity: Severity, text: string): string {
  return `<${PRIORITY[severity]}>${text}`;
}

/** One object in one line; control characters are escaped, because stdout may be a terminal. */
export function jsonText(event: AgentEvent): string {
  return printableJson(JSON.stringify(documentOf(event)));
}

/** `time` and `type` first, an account's facts as in interface.md, "One account as JSON". */
function documentOf(event: AgentEvent): object {
  if (event.type === 'state') {
    const { time, type, severity, previous } = event;
    const { account, state, ...facts } = event.snapshot;
    return { time, type, account, state, previous, ...facts, severity };
  }
  const { time, type, severity, ...rest } = event;
  return { time, type, ...rest, severity };
}

/** Whether journald reads `fd`: systemd names the device and inode of the stream that it gave us (systemd.exec(5)). */
export function isJournal(fd: number | undefined, journalStream: string | undefined): boolean {
  if (fd === undefined || journalStream === undefined || journalStream === '') return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return journalStream === `${dev}:${ino}`;
  } catch {
    // The stream is closed: nobody reads it.
    return false;
  }
}
