// The words that the schema of the accounts file is made of: texts under a rule, numbers, keys with their description for
// editors.

import * as v from 'valibot';
import type { Rule } from './value-rules.ts';

export function text(rule: Rule) {
  return v.pipe(
    v.string(),
    v.rawCheck(({ dataset, addIssue }) => {
      const complaint = dataset.typed ? rule(dataset.value) : null;
      if (complaint)
        addIssue({ message: complaint.message, ...(complaint.hint && { expected: complaint.hint }) });
    }),
  );
}

export function pathItem(input: unknown, key: string) {
  return { type: 'unknown', origin: 'value', input, key, value: undefined } as const;
}

export function finite() {
  return v.pipe(v.number(), v.finite('must be a finite number'));
}

export function wholeNumber(least: number, most: number) {
  return v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
}

export function finalStatus() {
  const no = 'must be a final status code, 200 to 699';
  return v.pipe(v.number(), v.integer('must be a whole number'), v.minValue(200, no), v.maxValue(699, no));
}

export function described<Schema extends v.GenericSchema>(description: string, schema: Schema) {
  return v.pipe(schema, v.description(description));
}

export function optional<Schema extends v.GenericSchema>(description: string, schema: Schema) {
  return v.exactOptional(described(description, schema));
}
