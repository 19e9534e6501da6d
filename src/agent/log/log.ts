// The log of a running agent: every event goes through here once. Programs get all of them (NDJSON on stdout); people
// and journald get on stderr what is news, crowds summed up, and with -v every detail.

import type { Writable } from 'node:stream';
import type { Millis } from '../../core/time.ts';
import { monotonicNow } from '../../runtime/clock.ts';
import type { AgentEvent, Severity } from '../events.ts';
import { createCrowds, SAMPLES, type Summary } from './crowds.ts';
import { isJournal, journalText, jsonText, type LogTheme, plainText, prefixed } from './formats.ts';
import { createNews, type Judged, judged } from './news.ts';
import { type Line, lineOf, messageLines, summaryLine } from './words.ts';
import { createLineWriter, type LineWriter } from './writer.ts';

export type LogOptions = {
  readonly json: boolean;
  /** -1: warnings and errors; 0: news; 1: every detail; 2: SIP messages too. */
  readonly verbosity: number;
  /** Of stderr. */
  readonly theme: LogTheme;
  readonly stdout: Writable;
  /** `fd` tells whether journald reads it. */
  readonly stderr: Writable & { readonly fd?: number };
  readonly env: { readonly JOURNAL_STREAM?: string | undefined };
};

export type AgentLog = {
  readonly tell: (event: AgentEvent) => void;
  /** Tells what was held back and lets go of timer and streams. */
  readonly close: () => void;
};

const LEAST_SHOWN: Readonly<Record<Severity, number>> = {
  error: -1,
  warning: -1,
  notice: 0,
  info: 0,
  debug: 1,
};
const MESSAGES_SHOWN = 2;

/** The log that `options` ask for. */
export function createAgentLog(options: LogOptions): AgentLog {
  return options.json ? createProgramLog(options) : createReaderLog(options);
}

function createProgramLog({ stdout, verbosity }: LogOptions): AgentLog {
  const writer = createLineWriter(stdout, (count) => {
    const time = new Date().toISOString();
    const text = lostText(count);
    return jsonText({ time, severity: 'warning', type: 'warning', account: null, code: LOST, text });
  });
  return {
    tell: (event) => {
      if (event.type !== 'message' || verbosity >= MESSAGES_SHOWN) writer.write(jsonText(event));
    },
    close: writer.close,
  };
}

function createReaderLog(options: LogOptions): AgentLog {
  const { verbosity } = options;
  const news = createNews();
  const crowds = createCrowds();
  const output = openOutput(options);
  let timer: NodeJS.Timeout | undefined;
  let timerAt: Millis | undefined;

  const tellSummaries = (now: Millis): void => {
    for (const summary of crowds.take(now)) for (const line of linesOf(summary)) output.write(line);
  };
  const arm = (now: Millis): void => {
    const nextAt = crowds.nextAt();
    if (nextAt === timerAt) return;
    clearTimeout(timer);
    timerAt = nextAt;
    if (nextAt !== undefined) timer = setTimeout(ring, Math.max(1, nextAt - now)).unref();
  };
  const ring = (): void => {
    timerAt = undefined;
    const now = monotonicNow();
    tellSummaries(now);
    arm(now);
  };
  const isShown = (severity: Severity): boolean => verbosity >= LEAST_SHOWN[severity];
  const tellDetail = (detail: Judged): void => {
    if (isShown('debug')) output.write({ ...lineOf(detail), severity: 'debug' });
  };
  const tellNews = (told: Judged, now: Millis): void => {
    tellSummaries(now);
    if (crowds.admit(told, now)) output.write(lineOf(told));
    else tellDetail(told);
    arm(now);
  };
  return {
    tell: (event) => {
      if (event.type === 'message') {
        if (verbosity >= MESSAGES_SHOWN) output.writeMessage(event);
        return;
      }
      // Every account tells this again and again, and it is a detail.
      if (event.type === 'state' && event.state === 'refreshing' && !isShown('debug')) return;
      const now = monotonicNow();
      const verdict = news.judge(event, now);
      // Most of what thousands of accounts tell is no news, and nobody wants details.
      if (!verdict.isNews && !isShown('debug')) return;
      const told = judged(event, verdict);
      if (!told.isNews) tellDetail(told);
      else if (isShown(told.severity)) tellNews(told, now);
    },
    close: () => {
      clearTimeout(timer);
      tellSummaries(Number.POSITIVE_INFINITY);
      output.close();
    },
  };
}

/** Few that were held back are told as if they had not been. */
function linesOf(summary: Summary): readonly Line[] {
  return summary.count <= SAMPLES ? summary.samples.map(lineOf) : [summaryLine(summary)];
}

type Output = {
  readonly write: (line: Line) => void;
  readonly writeMessage: (event: Extract<AgentEvent, { type: 'message' }>) => void;
  readonly close: () => void;
};

function openOutput({ stderr, env, theme }: LogOptions): Output {
  const isForJournal = isJournal(stderr.fd, env.JOURNAL_STREAM);
  const format = isForJournal ? journalText : (line: Line): string => plainText(line, theme);
  const formatMessage = isForJournal
    ? (line: string): string => prefixed('debug', line)
    : (line: string): string => line;
  const writer: LineWriter = createLineWriter(stderr, (count) => {
    const time = new Date().toISOString();
    const text = lostText(count);
    return format({
      time,
      severity: 'warning',
      subject: 'sipreg',
      label: 'warning',
      text: `${LOST}: ${text}`,
    });
  });
  return {
    write: (line) => writer.write(format(line)),
    writeMessage: (event) => writer.write(messageLines(event).map(formatMessage).join('\n')),
    close: writer.close,
  };
}

const LOST = 'log.lines-lost';

function lostText(count: number): string {
  const lines = count === 1 ? 'one line of the log is' : `${count} lines of the log are`;
  return `${lines} lost: whoever reads it is too slow, or it could not be written`;
}
