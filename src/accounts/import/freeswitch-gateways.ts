// The gateways that FreeSWITCH's XML holds, their $${variables} resolved by the X-PRE-PROCESS directives of the same files:
// "set" and "include". What the environment and commands set is not known here.

import { lineStarts, positionAt } from '../text-position.ts';
import type { ForeignFile } from './reading.ts';
import { type XmlTag, xmlTags } from './xml-tags.ts';

export type Gateway = {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  /** Names in lower case; of a repeated one the last value counts. */
  readonly params: ReadonlyMap<string, string>;
  /** Variables that a value of it names and that no directive sets. */
  readonly unresolved: readonly string[];
};

export function gatewaysIn(file: ForeignFile): readonly Gateway[] {
  const reading: Reading = { variables: new Map(), findings: [], filledIn: 0 };
  readFile(file, reading);
  return reading.findings;
}

type Reading = {
  /** What is set so far, through all files. */
  readonly variables: Map<string, string>;
  readonly findings: Gateway[];
  /** Characters that came from variables. */
  filledIn: number;
};

/** More than any real file has: a short text could name a long variable thousands of times. */
const MAX_FILLED_IN = 10_000_000;
const MAX_VALUE_LENGTH = 4096;

type Include = ForeignFile['include'];
type OpenGateway = { readonly tag: XmlTag; readonly params: Map<string, string> };

function readFile({ path, text, include }: ForeignFile, reading: Reading): void {
  const starts = lineStarts(text);
  const placeOf = ({ at }: XmlTag) => ({ path, line: positionAt(starts, at).line });
  let open: OpenGateway | null = null;
  for (const tag of xmlTags(text)) {
    const isGateway = tag.name === 'gateway';
    if (open !== null && isGateway) {
      reading.findings.push(gatewayOf(open, placeOf(open.tag), reading));
      open = null;
    }
    if (tag.type === 'close') continue;
    if (isGateway && !tag.isEmpty) open = { tag, params: new Map() };
    if (tag.name === 'param' && open !== null) setParam(open, tag);
    if (tag.name.toUpperCase() === 'X-PRE-PROCESS') preProcess(tag, placeOf(tag).line, include, reading);
  }
  if (open !== null) reading.findings.push(gatewayOf(open, placeOf(open.tag), reading));
}

function setParam({ params }: OpenGateway, { attributes }: XmlTag): void {
  const name = attributes.get('name');
  if (name !== undefined) params.set(name.toLowerCase(), attributes.get('value') ?? '');
}

function gatewayOf(
  { tag, params }: OpenGateway,
  place: Pick<Gateway, 'path' | 'line'>,
  reading: Reading,
): Gateway {
  const unresolved = new Set<string>();
  const resolve = (text: string): string => resolved(text, reading, unresolved);
  return {
    ...place,
    name: resolve(tag.attributes.get('name') ?? ''),
    params: new Map(Array.from(params, ([name, value]) => [name, resolve(value)])),
    unresolved: [...unresolved],
  };
}

function resolved(text: string, reading: Reading, unresolved: Set<string>): string {
  return text.replace(/\$\$\{([^${}]*)\}/g, (whole, name: string) => {
    const value = reading.variables.get(name);
    reading.filledIn += value?.length ?? 0;
    if (value !== undefined && reading.filledIn <= MAX_FILLED_IN) return value;
    unresolved.add(name);
    return whole;
  });
}

/** "set" and "include". */
function preProcess({ attributes }: XmlTag, line: number, include: Include, reading: Reading): void {
  const data = resolved(attributes.get('data') ?? '', reading, new Set());
  const equals = data.indexOf('=');
  // A variable made of itself could double with each line.
  if (attributes.get('cmd') === 'set' && equals > 0 && data.length <= MAX_VALUE_LENGTH) {
    reading.variables.set(data.slice(0, equals).trim(), data.slice(equals + 1));
  }
  if (attributes.get('cmd') !== 'include') return;
  // FreeSWITCH is content with a pattern that no file fits.
  const optional = /[*?[]/.test(data);
  for (const file of include({ path: data, line, optional })) readFile(file, reading);
}
