// What the accounts file says of secrets and of what they answer: passwords and HA1 values or where they are, credentials by
// realm, and the policy on challenges.

import * as v from 'valibot';
import { DIGEST_ALGORITHMS } from '../core/digest/algorithm.ts';
import { described, optional, text } from './schema-terms.ts';
import {
  credentialIdRule,
  ha1Rule,
  hexRule,
  isOneHa1OrSource,
  lineRule,
  pathRule,
  variableRule,
  wordRule,
} from './value-rules.ts';

/** A program and its arguments, run without a shell. */
export const argv = v.pipe(
  v.array(text(lineRule)),
  v.minLength(1, 'must name a program'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (dataset.typed && (dataset.value[0] ?? '') === '') addIssue({ message: 'must name a program' });
  }),
);

const sourceEntries = {
  file: optional('Path of a file that holds it; one trailing line break is dropped', text(pathRule)),
  env: optional('Name of an environment variable that holds it', text(variableRule)),
  command: optional('Program and arguments, run without a shell; its output is the secret', argv),
  credential: optional('ID of a systemd credential in $CREDENTIALS_DIRECTORY', text(credentialIdRule)),
};

/** Where a secret is, when it does not stand in the file. */
export const secretSource = v.pipe(
  v.strictObject(sourceEntries),
  v.entries(1, 'must name exactly one of file, env, command, credential'),
);

export const password = v.union(
  [v.string(), secretSource],
  'must be a string or an object with file, env, command or credential',
);

function ha1For(digits: number) {
  const message = `must be ${digits} hexadecimal digits, or say where they are`;
  return v.union([text(hexRule(digits)), secretSource], message);
}

export const ha1 = v.union(
  [
    text(ha1Rule),
    v.pipe(
      v.strictObject({
        ...sourceEntries,
        MD5: optional('HA1 for MD5', ha1For(32)),
        'SHA-256': optional('HA1 for SHA-256', ha1For(64)),
        'SHA-512-256': optional('HA1 for SHA-512-256', ha1For(64)),
      }),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed || isOneHa1OrSource(dataset.value, sourceEntries)) return;
        addIssue({
          message: 'must name exactly one of file, env, command, credential, or one HA1 an algorithm',
        });
      }),
    ),
  ],
  'must be hexadecimal digits, say where they are, or give them for each algorithm',
);

export const credentials = v.array(
  v.pipe(
    v.strictObject({
      realm: optional('The realm that these answer; without it, any', text(wordRule)),
      username: described('User name for digest', text(wordRule)),
      password: optional('The password, or where it is', password),
      ha1: optional('HA1 in place of the password', ha1),
    }),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      if ((dataset.value.password === undefined) === (dataset.value.ha1 === undefined)) {
        addIssue({ message: 'needs either password or ha1, and not both' });
      }
    }),
  ),
);

export const digest = v.strictObject({
  algorithms: optional(
    'These algorithms only (all three)',
    v.pipe(v.array(v.picklist(DIGEST_ALGORITHMS)), v.minLength(1, 'must not be empty')),
  ),
  qop: optional(
    'required: none without qop, the old form of RFC 2069; any: that too (any)',
    v.picklist(['any', 'required']),
  ),
});

export type SecretText = v.InferOutput<typeof password>;
export type Ha1Entry = v.InferOutput<typeof ha1>;
