// Makes accounts.schema.json from the schema of the accounts file, for editors and for "sipreg config schema".
// test/accounts/json-schema.test.ts fails when the file is stale; UPDATE=1 makes that test rewrite it.

import { toJsonSchema } from '@valibot/to-json-schema';
import { documentSchema } from '../src/accounts/schema.ts';

/** The text of accounts.schema.json. Rules that JSON Schema cannot express are left to "sipreg config check". */
export function accountsJsonSchema(): string {
  const { $schema, ...schema } = toJsonSchema(documentSchema, { target: 'draft-07', errorMode: 'ignore' });
  const described = {
    $schema,
    title: 'Accounts file of sipreg',
    description:
      'The SIP accounts that sipreg keeps registered. "sipreg config check" checks more than this schema can.',
    ...schema,
  };
  return `${JSON.stringify(described, null, 2)}\n`;
}
