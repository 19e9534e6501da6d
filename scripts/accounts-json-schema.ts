// Makes accounts.schema.json from the schema of the accounts file, for editors and for "sipreg config schema".
// test/accounts/json-schema.test.ts fails when the file is stale; UPDATE=1 makes that test rewrite it.

import { toJsonSchema } from '@valibot/to-json-schema';
import { documentSchema, sharedSchemas } from '../src/accounts/schema.ts';

const LINE_WIDTH = 110;

/** The text of accounts.schema.json. Rules that JSON Schema cannot express are left to "sipreg config check". */
export function accountsJsonSchema(): string {
  const { $schema, ...schema } = toJsonSchema(documentSchema, {
    target: 'draft-2020-12',
    errorMode: 'ignore',
    definitions: sharedSchemas,
  });
  const document = {
    $schema,
    title: 'Accounts file of sipreg',
    description: 'The SIP accounts that sipreg registers. "sipreg config check" checks more than this can.',
    ...schema,
  };
  return `${joinShortLists(JSON.stringify(document, null, 2))}\n`;
}

/** Puts lists of words on one line where they fit, as the formatter of this project does. */
function joinShortLists(json: string): string {
  return json.replace(/^(.*)\[\n([^[\]{}]*)\n *\]/gm, (list: string, before: string, words: string) => {
    const joined = `${before}[${words.trim().replace(/,\n */g, ', ')}]`;
    return joined.length < LINE_WIDTH ? joined : list;
  });
}
