// The table of rules and tests (docs/rule-coverage.md) says what is true: it is made from the names of the tests, and fails
// here when it is stale. UPDATE=1 rewrites it, as `npm run rules` does.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  coverageDocument,
  faultsOfExemptions,
  readCoverage,
  readRules,
  renderCoverage,
  rulesNamedIn,
} from '../scripts/rules.mjs';

const documentPath = join(import.meta.dirname, '..', coverageDocument);

describe('the table of rules', () => {
  it('is current: else run "npm run rules"', () => {
    if (process.env.UPDATE === '1') writeFileSync(documentPath, renderCoverage());
    // Not toEqual: a diff of the whole table would bury the sentence above.
    expect(readFileSync(documentPath, 'utf8') === renderCoverage()).toBe(true);
  });

  it('has tests only for rules that exist', () => {
    const known = new Set(readRules().map(({ rule }) => rule));
    expect([...readCoverage().keys()].filter((rule) => !known.has(rule))).toEqual([]);
  });

  it('numbers its rules without gaps', () => {
    const rules = readRules().map(({ rule }) => rule);
    expect(rules).toEqual(rules.map((_, index) => `R${String(index + 1).padStart(3, '0')}`));
  });
});

// Put together here, so that this file does not itself seem to test these rules.
const [first, second] = ['R' + '001', 'R' + '002'];

describe('exemptions', () => {
  const rule = { rule: first, tag: 'core', level: 'MUST', section: 'here', text: 'asks' } as const;
  const faults = (exempt: string | undefined, tested: readonly string[] = []) =>
    faultsOfExemptions(
      [exempt === undefined ? rule : { ...rule, exempt }],
      new Map(tested.map((one) => [one, ['one.test.ts']])),
    );

  it('have a known reason, and are of rules without tests', () => {
    expect(faultsOfExemptions(readRules(), readCoverage())).toEqual([]);
  });

  it.each(['', 'does not apply', 'does not apply: ', 'too hard: it is', 'not built'])(
    'are no more than %j',
    (exempt) => {
      expect(faults(exempt)).toEqual([`${first} is exempt without a known reason: "${exempt}"`]);
    },
  );

  it('end with the first test, and are not needed with it', () => {
    expect(faults('overridden: §4', [second])).toEqual([]);
    expect(faults('overridden: §4', [first])).toEqual([`${first} is exempt, and yet has tests`]);
    expect(faults(undefined, [first])).toEqual([]);
  });

  it('are told in the table, and counted apart', () => {
    const rules = [
      { ...rule, exempt: 'overridden: by | us' },
      { ...rule, rule: second },
    ];
    const rendered = renderCoverage(rules, new Map([[second, ['one.test.ts']]]));
    expect(rendered).toContain(`| ${first} | core | MUST | asks | overridden: by \\| us |`);
    expect(rendered).toContain(`| ${second} | core | MUST | asks | \`one.test.ts\` |`);
    expect(rendered).toContain('| core | 2 | 1 | 0 | 1 | 0 | 0 |');
  });
});

describe('the reader of test names', () => {
  it.each([
    `it('${first} says so', () => {});`,
    `it(\n  "${first} says so",`,
    `it.only('${first}: says so')`,
    `it.each([1, 2])('${first} %i', () => {});`,
    `it.each([\n  1,\n])('${first} %i', () => {});`,
    `describe('${first} says so', () => {});`,
    `it('T10 ${first} says so', () => {});`,
    `it.each([\n  ['${first} says so', 1],\n])('%s', () => {});`,
  ])('finds the rule in %j', (source) => {
    expect([...rulesNamedIn(source)]).toEqual([first]);
  });

  it('finds several, and none in the middle of a name, in a skipped test or in a comment', () => {
    expect([...rulesNamedIn(`it('${first} ${second} say so')`)]).toEqual([first, second]);
    expect([...rulesNamedIn(`it('${first}, ${second}: say so')`)]).toEqual([first, second]);
    expect([...rulesNamedIn(`it('says ${first}')`)]).toEqual([]);
    expect([...rulesNamedIn(`it.skip('${first} says so')`)]).toEqual([]);
    expect([...rulesNamedIn(`it.todo('${first} says so')`)]).toEqual([]);
    expect([...rulesNamedIn(`// ${first} says so`)]).toEqual([]);
  });
});
