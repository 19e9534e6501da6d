// Threshold ranges of the Monitoring Plugins guidelines ("Threshold and ranges"): `[@]start:end`. A value outside of
// start..end, both included, is an alert; with `@` one inside is. `10` is 0..10, `10:` has no upper end, `~:10` no lower.

import { failure, type Result, success } from '../result.ts';

export type ThresholdRange = {
  /** -Infinity: no lower end. */
  readonly start: number;
  /** Infinity: no upper end. */
  readonly end: number;
  /** Alert inside of the range, not outside. */
  readonly inside: boolean;
  /** As it was written, for perfdata. */
  readonly text: string;
};

/** The range that `text` stands for; the error says in words what is wrong. */
export function parseRange(text: string): Result<ThresholdRange, string> {
  const match = /^(@?)(?:(~|[^:]*):)?([^:]*)$/.exec(text);
  const [, at = '', startText, endText = ''] = match ?? [];
  if (match === null || (startText ?? '') + endText === '') {
    return failure(`"${text}" is no range; it is [@][start:][end], such as 10, 10:, ~:10, 10:20 or @10:20`);
  }
  const start = startText === '~' ? Number.NEGATIVE_INFINITY : numberOf(startText ?? '', 0);
  const end = numberOf(endText, Number.POSITIVE_INFINITY);
  if (start === null || end === null) return failure(`"${text}" has something that is no number`);
  if (start > end) return failure(`"${text}" has a start that is greater than its end`);
  return success({ start, end, inside: at === '@', text });
}

/** Whether `value` is one to be told of. */
export function isAlert({ start, end, inside }: ThresholdRange, value: number): boolean {
  const isWithin = value >= start && value <= end;
  return inside ? isWithin : !isWithin;
}

/** null: no decimal number. `otherwise`: there is none. */
function numberOf(text: string, otherwise: number): number | null {
  if (text === '') return otherwise;
  return /^-?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text) ? Number(text) : null;
}
