// Which rules of test/rules.json (what the RFCs ask of us) are held by which test file: writes docs/rule-coverage.md from the
// names of the tests, `it('R141 …')`. A rule that no test can hold says why in its `exempt`, "does not apply: …".
// `node scripts/rules.mjs` rewrites the document; --missing [core] lists the rules with neither.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
export const coverageDocument = 'docs/rule-coverage.md';

/**
 * @typedef {{ rule: string, tag: 'core' | 'expected' | 'beyond', level: string, section: string, text: string, exempt?: string }} Rule
 */

/** Why a rule may have no test. `does not apply`: there is nothing here that it could bind. `overridden`: behaviour.md or the
 * interface decides otherwise, on purpose. `not built`: it is not kept. */
const EXEMPTIONS = ['does not apply', 'overridden', 'not built'];
const STANDINGS = ['covered', ...EXEMPTIONS, 'open'];

/** The rules, in order. @returns {Rule[]} */
export function readRules() {
  return JSON.parse(readFileSync(join(projectRoot, 'test/rules.json'), 'utf8'));
}

/** The test files that name each rule. @returns {Map<string, string[]>} */
export function readCoverage() {
  const coverage = new Map();
  const testFiles = readdirSync(join(projectRoot, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort();
  for (const file of testFiles) {
    for (const rule of rulesNamedIn(readFileSync(join(projectRoot, 'test', file), 'utf8'))) {
      coverage.set(rule, [...(coverage.get(rule) ?? []), file]);
    }
  }
  return coverage;
}

/**
 * The rule numbers at the start of the names of the tests in one source: `it('R012 R015 …'`, also of `it.each(…)(`, `test(` and
 * `describe(`, and of a row `['R012 …', …]` whose first value is its name; between them there may be cases of the decision
 * tables (`T10`). A test that is switched off (`skip`, `todo`) covers nothing.
 * @param {string} source
 * @returns {Set<string>}
 */
export function rulesNamedIn(source) {
  const rules = new Set();
  const names = /((?:\b(?:it|test|describe)(?:\.\w+)*|\))\(|\[)\s*['"`]((?:(?:R\d{3}|T\d+)[ ,:]+)+)/g;
  for (const [, caller, numbers] of source.matchAll(names)) {
    if (/\.(?:skip|todo)\($/.test(caller)) continue;
    for (const [rule] of numbers.matchAll(/R\d{3}/g)) rules.add(rule);
  }
  return rules;
}

/**
 * Where a rule stands: tests hold it (`covered`), its `exempt` says why none does, or neither (`open`).
 * @param {Rule} rule
 * @param {Map<string, string[]>} coverage
 * @returns {string}
 */
function standingOf({ rule, exempt }, coverage) {
  if (coverage.has(rule)) return 'covered';
  return exempt === undefined ? 'open' : exempt.slice(0, exempt.indexOf(':'));
}

/**
 * What is wrong with the exemptions, a line each.
 * @param {Rule[]} rules
 * @param {Map<string, string[]>} coverage
 * @returns {string[]}
 */
export function faultsOfExemptions(rules, coverage) {
  const known = new RegExp(`^(${EXEMPTIONS.join('|')}): \\S`);
  return rules.flatMap(({ rule, exempt }) => {
    if (exempt === undefined) return [];
    if (!known.test(exempt)) return [`${rule} is exempt without a known reason: "${exempt}"`];
    return coverage.has(rule) ? [`${rule} is exempt, and yet has tests`] : [];
  });
}

/** The document as it should be. @returns {string} */
export function renderCoverage(rules = readRules(), coverage = readCoverage()) {
  const lines = [
    '# Rules and the tests that hold them',
    '',
    'Made by `npm run rules` from the names of the tests; `test/rule-coverage.test.ts` fails when it is stale. The rules are in',
    '`test/rules.json`, in our own words: `core` is what a correct registering user agent needs, `expected` what mature peers do,',
    '`beyond` optional extensions. A rule without tests says why: it does not apply to what sipreg does, it is overridden on',
    'purpose (`behaviour.md` says by what), or it is not built. An `open` one has neither tests nor a reason yet.',
    '',
    `| tag | rules | ${STANDINGS.join(' | ')} |`,
    `|---|---:|${STANDINGS.map(() => '---:|').join('')}`,
    ...['core', 'expected', 'beyond'].map((tag) => totalsRow(tag, rules, coverage)),
  ];
  for (const [section, members] of groupBySection(rules)) {
    const covered = members.filter(({ rule }) => coverage.has(rule)).length;
    lines.push('', `## ${section} (${covered} of ${members.length})`, '');
    lines.push(
      '| rule | tag | level | what it asks | tests, or why there are none |',
      '|---|---|---|---|---|',
    );
    for (const { rule, tag, level, text, exempt = '' } of members) {
      const files = (coverage.get(rule) ?? []).map((file) => `\`${file}\``).join(' ');
      lines.push(`| ${rule} | ${tag} | ${level} | ${inCell(text)} | ${files || inCell(exempt)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function totalsRow(tag, rules, coverage) {
  const standings = rules.filter((rule) => rule.tag === tag).map((rule) => standingOf(rule, coverage));
  const counts = STANDINGS.map((standing) => standings.filter((one) => one === standing).length);
  return `| ${[tag, standings.length, ...counts].join(' | ')} |`;
}

function inCell(text) {
  return text.replaceAll('|', '\\|');
}

function groupBySection(rules) {
  const sections = new Map();
  for (const rule of rules) sections.set(rule.section, [...(sections.get(rule.section) ?? []), rule]);
  return sections;
}

function main(args) {
  if (args[0] === '--missing') {
    const coverage = readCoverage();
    const missing = readRules().filter(
      (rule) => standingOf(rule, coverage) === 'open' && (args[1] ?? rule.tag) === rule.tag,
    );
    for (const { rule, tag, level, section, text } of missing) {
      console.log(`${rule} [${tag}] ${level} (${section}) ${text}`);
    }
    return;
  }
  writeFileSync(join(projectRoot, coverageDocument), renderCoverage());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
