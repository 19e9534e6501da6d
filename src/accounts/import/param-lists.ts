// Parameters as other programs write them, `a=1;b;c="d"` with or without the first ";", and as entries have them.

import { parseParams } from '../../core/sip/params.ts';
import { unquote } from '../../core/sip/scan.ts';
import type { Param } from '../../core/sip/uri.ts';
import type { AccountEntry } from '../schema.ts';

/** null: they are not written as parameters. */
export function parseParamList(text: string): readonly Param[] | null {
  const params = parseParams(text === '' || text.startsWith(';') ? text : `;${text}`, 0);
  return params.ok ? params.value : null;
}

/** As `contactUriParams` has them: a flag is true. */
export function uriParamsEntry(
  params: readonly Param[],
): Readonly<Record<string, string | true>> | undefined {
  if (params.length === 0) return undefined;
  return Object.fromEntries(params.map(({ name, value }) => [name, value ?? true]));
}

/** As `contactParams` has them: without quotes, q as a number. */
export function contactParamsEntry(params: readonly Param[]): AccountEntry['contactParams'] | undefined {
  if (params.length === 0) return undefined;
  return Object.fromEntries(
    params.map(({ name, value }): [string, string | number | true] => {
      const text = value === null ? true : unquote(value);
      const isNumber = name.toLowerCase() === 'q' && text !== true && /^[\d.]+$/.test(text);
      return [name, isNumber ? Number(text) : text];
    }),
  );
}
