// Walks a document beside its schema for what the schema library does not say well: every unknown key with the keys
// that are known there, lists in the place of objects, and names that JavaScript objects cannot hold safely.

export type DocumentPath = readonly (string | number)[];

/** One thing that is wrong in a document. `knownKeys` is set for an unknown key: what could stand there. */
export type ShapeProblem = {
  readonly path: DocumentPath;
  readonly message: string;
  readonly hint: string | null;
  readonly knownKeys: readonly string[] | null;
};

/** As much of a schema as the walk looks at; which members are there depends on `type`. */
type SchemaNode = {
  readonly type: string;
  readonly wrapped?: SchemaNode;
  /** Alternatives of a union; the words of a picklist. */
  readonly options?: readonly (SchemaNode | string)[];
  readonly item?: SchemaNode;
  readonly value?: SchemaNode;
  readonly entries?: Readonly<Record<string, SchemaNode>>;
};

/** What a schema library lets pass or reports one at a time, in `input` and everything below. */
export function structureProblems(schema: SchemaNode, input: unknown, path: DocumentPath): ShapeProblem[] {
  if (typeof input !== 'object' || input === null) return [];
  const { item, value, entries } = containerFor(schema, input) ?? {};
  if (item !== undefined) {
    const elements = Array.isArray(input) ? input : [];
    return elements.flatMap((element, at) => structureProblems(item, element, [...path, at]));
  }
  if (value === undefined && entries === undefined) return [];
  if (Array.isArray(input)) return [problem(path, 'must be an object', null)];
  return Object.entries(input).flatMap(([key, child]) => {
    const here = [...path, key];
    if (entries === undefined && isReservedName(key))
      return [problem(here, 'is a reserved name', 'choose another')];
    const below = entries === undefined ? value : Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (below !== undefined) return structureProblems(below, child, here);
    return [{ ...problem(here, 'unknown key', null), knownKeys: Object.keys(entries ?? {}) }];
  });
}

/** The list or object schema that `input` has to follow; undefined when a plain value is wanted. */
function containerFor(schema: SchemaNode | string, input: object): SchemaNode | undefined {
  if (typeof schema === 'string') return undefined;
  if (schema.wrapped !== undefined) return containerFor(schema.wrapped, input);
  if (schema.options === undefined) return CONTAINER_TYPES.includes(schema.type) ? schema : undefined;
  const containers = schema.options.flatMap((option) => containerFor(option, input) ?? []);
  return containers.find(({ type }) => (type === 'array') === Array.isArray(input)) ?? containers[0];
}

function problem(path: DocumentPath, message: string, hint: string | null): ShapeProblem {
  return { path, message, hint, knownKeys: null };
}

const CONTAINER_TYPES = ['array', 'record', 'strict_object'];

/** What no JavaScript object can safely have as a key. */
export function isReservedName(name: string): boolean {
  return RESERVED_NAMES.includes(name);
}

const RESERVED_NAMES = ['__proto__', 'constructor', 'prototype'];
