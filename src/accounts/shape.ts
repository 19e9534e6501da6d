// Whether a document is an accounts file by its shape. A right one is found right account by account; only a wrong one is
// gone through as a whole, for the words of what is wrong.

import {
  type AccountEntry,
  type AccountsDocument,
  accountSchema,
  checkBySchema,
  documentSchema,
  fits,
} from './schema.ts';
import { isReservedName } from './structure.ts';
import { accountNameRule } from './value-rules.ts';

/** As checkBySchema, faster for what is right. */
export function checkShape(input: unknown): ReturnType<typeof checkBySchema> {
  return isRight(input) ? { ok: true, value: input } : checkBySchema(input);
}

/** Whether nothing is wrong. Of the keys that an account could have only those are looked at that it has: the schema takes ten
 * times as long for ten thousand. */
function isRight(input: unknown): input is AccountsDocument {
  if (!isRecord(input) || !isRecord(input.accounts)) return false;
  if (!fits(documentSchema, { ...input, accounts: {} })) return false;
  for (const name of Object.keys(input.accounts)) {
    const entry = input.accounts[name];
    if (!isRightName(name) || !isRightAccount(entry)) return false;
  }
  return true;
}

function isRightName(name: string): boolean {
  return accountNameRule(name) === null && !isReservedName(name);
}

/** Whether one account is right by itself. */
export function isRightAccount(entry: unknown): entry is AccountEntry {
  if (!isRecord(entry) || !('aor' in entry)) return false;
  for (const key of Object.keys(entry)) {
    const schema = SCHEMAS.get(key);
    if (schema === undefined || !fits(schema, entry[key])) return false;
  }
  return true;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SCHEMAS: ReadonlyMap<string, Parameters<typeof fits>[0]> = new Map(
  Object.entries(accountSchema.entries),
);
