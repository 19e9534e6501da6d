import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accountsJsonSchema } from '../../scripts/accounts-json-schema.ts';
import { loadAccounts } from '../../src/accounts/load.ts';
import { planOf, secretSourcesOf } from '../../src/accounts/plan.ts';

const SCHEMA = new URL('../../accounts.schema.json', import.meta.url);
const EXAMPLE = new URL('../../accounts.example.json', import.meta.url);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Schema = { readonly [key: string]: Json };

describe('accounts.schema.json', () => {
  it('is what the schema of the accounts file says; UPDATE=1 rewrites it', () => {
    if (process.env.UPDATE === '1') writeFileSync(SCHEMA, accountsJsonSchema());
    expect(readFileSync(SCHEMA, 'utf8')).toBe(accountsJsonSchema());
  });

  it('describes every key', () => {
    const undescribed: string[] = [];
    (function visit(node: Json, path: string): void {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, child] of Object.entries(node)) {
        if (key === 'properties') {
          for (const [name, property] of Object.entries(child as Schema)) {
            if (typeof (property as Schema).description !== 'string') undescribed.push(`${path}.${name}`);
          }
        }
        visit(child as Json, `${path}.${key}`);
      }
    })(JSON.parse(readFileSync(SCHEMA, 'utf8')), '');
    expect(undescribed).toEqual([]);
  });

  it.each([
    ['an unknown key', { accounts: { a: { aor: 'sip:a@b', registar: 'x' } } }],
    ['a missing AOR', { accounts: { a: {} } }],
    ['a wrong word', { accounts: { a: { aor: 'sip:a@b', transport: 'sctp' } } }],
    ['a wrong number', { accounts: { a: { aor: 'sip:a@b', expires: 0 } } }],
    ['two sources of a password', { accounts: { a: { aor: 'sip:a@b', password: { file: 'a', env: 'B' } } } }],
    ['no accounts', {}],
  ])('refuses %s', (_what, document) => {
    expect(fits(document as Json, root(), root())).toBe(false);
  });
});

describe('accounts.example.json', () => {
  it('is a right accounts file by the schema of the program', async () => {
    const loaded = await loadAccounts(EXAMPLE.pathname);
    expect(loaded.ok || loaded.error).toBe(true);
    if (!loaded.ok) return;
    for (const [name, entry] of loaded.value.accounts) {
      expect(planOf(name, entry, 'sipreg/1').account).toBe(name);
      expect(() => secretSourcesOf(entry, loaded.value.directory)).not.toThrow();
    }
    expect(loaded.value.warnings).toEqual([]);
  });

  it('is one by accounts.schema.json too', () => {
    expect(fits(JSON.parse(readFileSync(EXAMPLE, 'utf8')), root(), root())).toBe(true);
  });

  it('shows every key of an account', async () => {
    const loaded = await loadAccounts(EXAMPLE.pathname);
    const shown = new Set(
      loaded.ok ? [...loaded.value.accounts].map(([, entry]) => entry).flatMap(Object.keys) : [],
    );
    const definition = root() as unknown as {
      properties: { accounts: { additionalProperties: { properties: object } } };
    };
    expect(
      Object.keys(definition.properties.accounts.additionalProperties.properties).filter(
        (key) => !shown.has(key),
      ),
    ).toEqual([]);
  });
});

function root(): Schema {
  return JSON.parse(readFileSync(SCHEMA, 'utf8'));
}

/** As much of JSON Schema 2020-12 as accounts.schema.json uses; an unknown keyword is an error. */
function fits(value: Json, schema: Schema, whole: Schema): boolean {
  return Object.entries(schema).every(([keyword, rule]) => {
    const check = KEYWORDS[keyword];
    if (check === undefined) throw new Error(`unknown keyword ${keyword}`);
    return check(value, rule, schema, whole);
  });
}

type Keyword = (value: Json, rule: Json, schema: Schema, whole: Schema) => boolean;

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  $schema: () => true,
  $defs: () => true,
  title: () => true,
  description: () => true,
  $ref: (value, rule, _schema, whole) => {
    const parts = String(rule).split('/').slice(1);
    return fits(
      value,
      parts.reduce<Json>((node, part) => (node as Schema)[part] ?? null, whole) as Schema,
      whole,
    );
  },
  type: (value, rule) => {
    if (rule === 'array') return Array.isArray(value);
    if (rule === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
    return rule === 'integer' ? Number.isInteger(value) : rule === typeof value;
  },
  enum: (value, rule) => (rule as readonly Json[]).includes(value),
  const: (value, rule) => value === rule,
  anyOf: (value, rule, _schema, whole) =>
    (rule as readonly Schema[]).some((option) => fits(value, option, whole)),
  items: (value, rule, _schema, whole) =>
    !Array.isArray(value) || value.every((item) => fits(item, rule as Schema, whole)),
  minItems: (value, rule) => !Array.isArray(value) || value.length >= Number(rule),
  minimum: (value, rule) => typeof value !== 'number' || value >= Number(rule),
  maximum: (value, rule) => typeof value !== 'number' || value <= Number(rule),
  required: (value, rule) =>
    keysOf(value) === null || (rule as readonly string[]).every((key) => keysOf(value)?.includes(key)),
  minProperties: (value, rule) => (keysOf(value)?.length ?? Number(rule)) >= Number(rule),
  maxProperties: (value, rule) => (keysOf(value)?.length ?? 0) <= Number(rule),
  propertyNames: (value, rule, _schema, whole) =>
    (keysOf(value) ?? []).every((key) => fits(key, rule as Schema, whole)),
  properties: (value, rule, _schema, whole) =>
    (keysOf(value) ?? []).every((key) => {
      const property = (rule as Schema)[key];
      return property === undefined || fits((value as Schema)[key] ?? null, property as Schema, whole);
    }),
  additionalProperties: (value, rule, schema, whole) =>
    (keysOf(value) ?? [])
      .filter((key) => !Object.hasOwn((schema.properties ?? {}) as Schema, key))
      .every((key) => rule !== false && fits((value as Schema)[key] ?? null, rule as Schema, whole)),
};

function keysOf(value: Json): string[] | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : null;
}
