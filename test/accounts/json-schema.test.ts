import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { accountsJsonSchema } from '../../scripts/accounts-json-schema.ts';

const FILE = new URL('../../accounts.schema.json', import.meta.url);

describe('accounts.schema.json', () => {
  it('is what the schema of the accounts file says; UPDATE=1 rewrites it', () => {
    if (process.env.UPDATE === '1') writeFileSync(FILE, accountsJsonSchema());
    expect(readFileSync(FILE, 'utf8')).toBe(accountsJsonSchema());
  });
});
