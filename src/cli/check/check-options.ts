// The options of `sipreg check` (interface.md, "check"), from text to values. What is wrong with them is UNKNOWN, as every
// plugin has it, and never commander's own exit code: so each comes here as the text that was given.

import { CRITICAL_LIFE, type LeastLife, WARNING_LIFE } from '../../core/health/certificate-expiry.ts';
import { parseRange, type ThresholdRange } from '../../core/health/threshold-range.ts';
import { DAY_MS } from '../../core/time.ts';
import { CheckRefused } from './plugin-state.ts';

/** Flags, and what --help says of them; --format is one that program.ts adds with its choices. */
export const CHECK_FLAGS: readonly (readonly [flags: string, description: string])[] = [
  ['-w, --warning <range>', 'WARNING when the round trip in seconds is out of this range'],
  ['-c, --critical <range>', 'CRITICAL when it is out of this one; the accounts file is --config here'],
  ['-t, --timeout <seconds>', 'an answer within this time (10); the wait for SIP ends one second before'],
  ['--expires-warn <range>', 'WARNING when the seconds left of the binding are out of this range'],
  ['--expires-crit <range>', 'CRITICAL when they are out of this one (0:)'],
  ['--cert-warn <span>', "WARNING when the registrar's certificate ends sooner: 14d, or 33% of its lifetime"],
  ['--cert-crit <span>', 'CRITICAL when it ends sooner'],
  ['--direct', 'ask the registrar and no agent; changes nothing there'],
  ['--verify', 'ask the running agent, and the registrar whether it is true'],
  ['--bound', 'with --direct or --verify: a binding has to be there'],
  ['--outfile <file>', 'write the result there, by rename, and nothing on stdout'],
];

export const FORMATS = ['nagios', 'checkmk', 'prometheus', 'json'] as const;
export type CheckFormat = (typeof FORMATS)[number];

export type Levels<T> = { readonly warning: T | null; readonly critical: T | null };

export type Thresholds = {
  readonly roundTrip: Levels<ThresholdRange>;
  readonly expires: Levels<ThresholdRange>;
  readonly certificate: { readonly warning: LeastLife; readonly critical: LeastLife };
};

export type CheckOptions = {
  readonly thresholds: Thresholds;
  readonly timeoutMs: number;
  readonly ask: 'agent' | 'registrar' | 'both';
  /** A binding has to be there. */
  readonly bound: boolean;
  readonly format: CheckFormat;
  readonly outfile: string | null;
};

const DEFAULT_TIMEOUT_S = 10;
const LONGEST_TIMEOUT_S = 3_600;

/** The options as commander found them. Throws CheckRefused with the words for what is wrong. */
export function readCheckOptions(given: Readonly<Record<string, unknown>>, json: boolean): CheckOptions {
  const text = (name: string): string | null => {
    const value = given[name];
    return typeof value === 'string' ? value : null;
  };
  const range = (name: string, flag: string): ThresholdRange | null => rangeOf(text(name), flag);
  const isDirect = given.direct === true;
  const isVerified = given.verify === true;
  if (isDirect && isVerified) throw usage('--direct asks no agent, --verify asks it too: choose one of them');
  if (given.bound === true && !isDirect && !isVerified) {
    throw usage('--bound is about what the registrar has: it goes with --direct or --verify');
  }
  return {
    thresholds: {
      roundTrip: { warning: range('warning', '-w'), critical: range('critical', '-c') },
      expires: {
        warning: range('expiresWarn', '--expires-warn'),
        critical: range('expiresCrit', '--expires-crit') ?? rangeOf('0:', '--expires-crit'),
      },
      certificate: {
        warning: leastLifeOf(text('certWarn'), '--cert-warn') ?? WARNING_LIFE,
        critical: leastLifeOf(text('certCrit'), '--cert-crit') ?? CRITICAL_LIFE,
      },
    },
    timeoutMs: timeoutOf(text('timeout')),
    ask: isDirect ? 'registrar' : isVerified ? 'both' : 'agent',
    bound: given.bound === true,
    format: formatOf(text('format') ?? (json ? 'json' : 'nagios')),
    outfile: text('outfile'),
  };
}

function rangeOf(text: string | null, flag: string): ThresholdRange | null {
  if (text === null) return null;
  const range = parseRange(text);
  if (!range.ok) throw usage(`${flag}: ${range.error}`);
  return range.value;
}

function leastLifeOf(text: string | null, flag: string): LeastLife | null {
  if (text === null) return null;
  const [, number, unit] = /^(\d{1,6}(?:\.\d{1,3})?)(d|%)$/.exec(text) ?? [];
  const value = Number(number);
  if (number === undefined || (unit === '%' && value > 100)) {
    throw usage(
      `${flag}: "${text}" is no span: it is a number of days (14d) or a part of the lifetime (33%)`,
    );
  }
  const unlimited = Number.POSITIVE_INFINITY;
  return unit === 'd' ? { ms: value * DAY_MS, part: unlimited } : { ms: unlimited, part: value / 100 };
}

function timeoutOf(text: string | null): number {
  const seconds = text === null ? DEFAULT_TIMEOUT_S : Number(text);
  const isGood = text === null || /^\d{1,4}(?:\.\d{1,3})?$/.test(text);
  if (!isGood || seconds < 1 || seconds > LONGEST_TIMEOUT_S) {
    throw usage(`-t: "${text}" is no number of seconds from 1 to ${LONGEST_TIMEOUT_S}`);
  }
  return seconds * 1000;
}

function formatOf(text: string): CheckFormat {
  const format = FORMATS.find((one) => one === text);
  if (format === undefined) throw usage(`--format: "${text}" is none of ${FORMATS.join(', ')}`);
  return format;
}

function usage(message: string): CheckRefused {
  return new CheckRefused('UNKNOWN', message);
}
