// The gateways that FreeSWITCH's XML holds, their $${variables} resolved by the X-PRE-PROCESS directives of the same files:
// "set" and "include". What "env-set" and its like take from the environment and from commands is not known here.

import { lineStarts, positionAt } from '../text-position.ts';
import type { ForeignFile, LeftOut } from './reading.ts';
import { type BrokenTag, type XmlTag, xmlTags } from './xml-tags.ts';

export type Gateway = {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  /** Names in lower case; of a repeated one the last value counts. */
  readonly params: ReadonlyMap<string, string>;
  /** Variables without a value that a value of it names, with the directive that would ask others for one; null: none. */
  readonly unresolved: ReadonlyMap<string, string | null>;
};

export function gatewaysIn(file: ForeignFile): readonly (Gateway | LeftOut)[] {
  const reading: Reading = { variables: new Map(), askedFor: new Map(), findings: [], filledIn: 0 };
  readFile(file, reading);
  return reading.findings;
}

type Reading = {
  /** What is set so far, through all files. */
  readonly variables: Map<string, string>;
  /** Variables that come from outside, and the directive that says so. */
  readonly askedFor: Map<string, string>;
  readonly findings: (Gateway | LeftOut)[];
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
  const placeOf = ({ at }: XmlTag | BrokenTag) => ({ path, line: positionAt(starts, at).line });
  let open: OpenGateway | null = null;
  for (const tag of xmlTags(text)) {
    if (tag.type === 'broken') {
      const what = open === null ? 'the tag' : whatOf(open.tag.attributes.get('name') ?? '');
      reading.findings.push({ ...placeOf(tag), what, why: tag.why });
      // Without what is broken it would be another.
      open = null;
      continue;
    }
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

export function whatOf(name: string): string {
  return `gateway ${name}`;
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
  const unresolved = new Map<string, string | null>();
  const resolve = (text: string): string => resolved(text, reading, unresolved);
  return {
    ...place,
    name: resolve(tag.attributes.get('name') ?? ''),
    params: new Map(Array.from(params, ([name, value]) => [name, resolve(value)])),
    unresolved,
  };
}

function resolved(text: string, reading: Reading, unresolved: Map<string, string | null>): string {
  return text.replace(VARIABLE, (whole, name: string) => {
    const value = reading.variables.get(name);
    reading.filledIn += value?.length ?? 0;
    if (value === undefined || reading.filledIn > MAX_FILLED_IN) {
      unresolved.set(name, reading.askedFor.get(name) ?? null);
      return whole;
    }
    // Those that had no value when it was set.
    for (const [, inner = ''] of value.matchAll(VARIABLE)) {
      unresolved.set(inner, reading.askedFor.get(inner) ?? null);
    }
    return value;
  });
}

const VARIABLE = /\$\$\{([^${}]*)\}/g;

/** "set" and "include". */
function preProcess({ attributes }: XmlTag, line: number, include: Include, reading: Reading): void {
  const data = resolved(attributes.get('data') ?? '', reading, new Map());
  const equals = data.indexOf('=');
  const command = attributes.get('cmd') ?? '';
  if (ASKING.includes(command) && equals > 0) {
    const name = data.slice(0, equals).trim();
    reading.askedFor.set(name, command);
    reading.variables.delete(name);
  }
  // A variable made of itself could double with each line.
  if (command === 'set' && equals > 0 && data.length <= MAX_VALUE_LENGTH) {
    reading.variables.set(data.slice(0, equals).trim(), data.slice(equals + 1));
  }
  if (command !== 'include') return;
  // FreeSWITCH is content with a pattern that no file fits.
  const optional = /[*?[]/.test(data);
  for (const file of include({ path: data, line, optional })) readFile(file, reading);
}

/** The environment, a command, a STUN server. */
const ASKING: readonly string[] = ['env-set', 'exec-set', 'stun-set'];
