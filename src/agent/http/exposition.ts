// The text formats that Prometheus scrapes: its own 0.0.4 and OpenMetrics 1.0, which differ in little more than the names
// in the TYPE lines and the end. Made a family at a time, as both formats want it, in pieces that a server can send
// one by one: ten thousand accounts are fifty megabytes.

import { setImmediate as nextTurn } from 'node:timers/promises';

export type Exposition = 'prometheus' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<Exposition, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** Adds a sample: what follows the family's name, its labels in braces or '', its value. */
export type Write = (suffix: string, labels: string, value: number) => void;

/** Series of one name; `samples` writes those of one row. */
export type Family<Row> = {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram' | 'info';
  readonly help: string;
  readonly samples: (row: Row, write: Write) => void;
};

/** A piece is handed over when it is about this long, and others get their turn. */
export const PIECE_LENGTH = 65_536;
const ROWS_A_LOOK = 250;

/** The text of one family with the samples of all `rows`. */
export async function* familyText<Row>(
  { name, type, help, samples }: Family<Row>,
  rows: Iterable<Row>,
  format: Exposition,
): AsyncGenerator<string> {
  const family = format === 'openmetrics' ? withoutSuffix(name, type) : name;
  // 0.0.4 knows no info; it is a gauge that is 1.
  const kind = format === 'prometheus' && type === 'info' ? 'gauge' : type;
  let text = `# HELP ${family} ${escapeHelp(help)}\n# TYPE ${family} ${kind}\n`;
  const write: Write = (suffix, labels, value) => {
    text += `${name}${suffix}${labels} ${numberText(value)}\n`;
  };
  let count = 0;
  for (const row of rows) {
    samples(row, write);
    count += 1;
    if (text.length >= PIECE_LENGTH) {
      yield text;
      text = '';
    }
    if (count % ROWS_A_LOOK === 0) await nextTurn();
  }
  yield text;
}

/** The end of a whole exposition. */
export function endText(format: Exposition): string {
  return format === 'openmetrics' ? '# EOF\n' : '';
}

/** `{account="office",state="waiting"}`; values may be any text. */
export function labels(pairs: Readonly<Record<string, string>>): string {
  return `{${Object.entries(pairs)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',')}}`;
}

/** The bound of a bucket as OpenMetrics wants it: with a point, so that both formats make the same series. */
export function boundText(bound: number): string {
  if (bound === Number.POSITIVE_INFINITY) return '+Inf';
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

/** The format that the Accept header of a request likes best (RFC 9110 §12.5.1); without one, the older. */
export function expositionFor(accept: string | undefined): Exposition {
  let openmetrics = 0;
  let prometheus = 0;
  for (const range of (accept ?? '').split(',')) {
    const [media = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    const quality = Number(weight) || 0;
    if (media === 'application/openmetrics-text') openmetrics = Math.max(openmetrics, quality);
    if (media === 'text/plain' || media === 'text/*') prometheus = Math.max(prometheus, quality);
  }
  return openmetrics > 0 && openmetrics >= prometheus ? 'openmetrics' : 'prometheus';
}

function withoutSuffix(name: string, type: Family<unknown>['type']): string {
  const suffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  return name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : name;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`));
}

function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (sign) => (sign === '\n' ? '\\n' : '\\\\'));
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
