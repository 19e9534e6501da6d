// The grammar of a plugin's output, written down from the Monitoring Plugins guidelines ("Plugin Output", "Performance
// data") and not from our own code: 'label'=value[UOM];[warn];[crit];[min];[max].

import { expect } from 'vitest';

export type PerfValue = { readonly value: number; readonly unit: string; readonly rest: readonly string[] };

const NUMBER = '-?\\d+(?:\\.\\d+)?';
const RANGE = `@?(?:(?:${NUMBER}|~):)?(?:${NUMBER})?`;
const ITEM = new RegExp(
  `^(?:'([^'=]+)'|([^'= ]+))=(${NUMBER}|U)(s|us|ms|%|B|KB|MB|TB|c)?((?:;${RANGE}){0,2}(?:;(?:${NUMBER})?){0,2})$`,
);

/** The first line's status and text, its numbers by label, and the lines after it; fails the test for any other text. */
export function readPlugin(stdout: string) {
  expect(stdout.endsWith('\n')).toBe(true);
  const [first = '', ...lines] = stdout.trimEnd().split('\n');
  expect(first.split('|').length).toBeLessThanOrEqual(2);
  const [text = '', numbers = ''] = first.split(' | ');
  const [, state] = /^SIPREG (OK|WARNING|CRITICAL|UNKNOWN): \S/.exec(text) ?? [];
  expect(state, stdout).toBeDefined();
  const values = new Map<string, PerfValue>();
  for (const item of numbers === '' ? [] : numbers.split(' ')) {
    const match = ITEM.exec(item);
    expect(match, item).not.toBeNull();
    const [, quoted, plain, value, unit = '', rest = ''] = match ?? [];
    values.set(quoted ?? plain ?? '', { value: Number(value), unit, rest: rest.split(';').slice(1) });
  }
  for (const line of lines) expect(line).not.toContain('|');
  return { state, text, values, lines };
}
