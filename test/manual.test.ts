// What is generated for readers says what the program is: it fails here when it is stale. UPDATE=1 rewrites it, as
// `node scripts/manual.mjs` does.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents } from '../scripts/manual/documents.ts';
import { type Block, manPage } from '../scripts/manual/roff.ts';
import { projectRoot } from '../scripts/setup.mjs';
import { type CommandFacts, commandFacts } from '../src/cli/command-tree.ts';
import { createProgram } from '../src/cli/program.ts';
import { VERDICTS } from '../src/core/health/verdict.ts';
import { isInstalled, missingPrograms } from './interop/installed.ts';

const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
const made = documents(version);
const paths = Object.keys(made);
const pages = paths.filter((path) => path.startsWith('man/'));

describe('what is generated for readers', () => {
  it.each(paths)('%s is current: else run "node scripts/manual.mjs"', (path) => {
    const file = join(projectRoot, path);
    if (process.env.UPDATE === '1') writeFileSync(file, made[path] ?? '');
    // Not toBe: a diff of the whole document would bury the sentence above.
    expect(readFileSync(file, 'utf8') === made[path]).toBe(true);
  });

  it('tells of every command and option', () => {
    const page = plain(made['man/sipreg.1']);
    const told = (command: CommandFacts): readonly string[] => [
      command.name,
      ...(command.name === 'check' ? [] : command.options.flatMap(({ long }) => long ?? [])),
      ...command.commands.filter(({ isHidden }) => !isHidden).flatMap(told),
    ];
    for (const word of told(commandFacts(createProgram(() => undefined)))) expect(page).toContain(word);
    for (const word of ['--direct', '--verify', '--cert-warn', '--outfile']) {
      expect(plain(made['man/check_sipreg.8'])).toContain(word);
    }
  });

  it('tells of every failure, with its remedy', () => {
    for (const [code, { remedy }] of Object.entries(VERDICTS)) {
      expect(made['man/sipreg.1']).toContain(`\\fB${code.replaceAll('-', '\\-')}\\fR`);
      expect(made['docs/troubleshooting.md']).toContain(`| \`${code}\` |`);
      expect(made['docs/troubleshooting.md']).toContain(remedy.slice(1));
    }
  });

  it('tells of every key of the accounts file', () => {
    const page = plain(made['man/accounts.json.5']);
    for (const key of [
      'aor',
      'credentials[].username',
      'tls.keyPassphrase',
      'retry.blockedProbe',
      'notices.heartbeat.url',
    ])
      expect(page).toContain(key);
  });
});

describe('a page', () => {
  const pageOf = (...blocks: readonly Block[]) => {
    const edition = { source: 'x 1', revised: '2026-01-01' };
    return manPage({ name: 'x', summary: 'y', section: 1, edition, sections: [{ title: 'T', blocks }] });
  };

  it('keeps what would be a macro or an escape as text', () => {
    expect(pageOf('.ignored \\n')).toContain('\n\\&.ignored \\en\n');
    expect(pageOf({ code: ["'a' -b \\c"] })).toContain('\n\\(aqa\\(aq \\-b \\ec\n');
    expect(pageOf('`a-b` and *c* and 2*3')).toContain('\\fBa\\-b\\fR and \\fIc\\fR and 2*3');
  });

  it('wraps its source and breaks no word', () => {
    const source = pageOf('word '.repeat(60).trim());
    for (const line of source.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe.skipIf(!isInstalled('mandoc'))(`mandoc${missingPrograms('mandoc')}`, () => {
  it.each(pages)('has nothing to say of %s', (path) => {
    expect(run('mandoc', ['-Tlint', path])).toBe('');
  });
});

describe.skipIf(!isInstalled('man'))(`man and groff${missingPrograms('man')}`, () => {
  it.each(pages)('show %s without a warning', (path) => {
    expect(
      run('man', ['-l', '--warnings=w', '-E', 'UTF-8', '-Tutf8', path], ['ignore', 'ignore', 'pipe']),
    ).toBe('');
  });
});

/** All that the program writes where `stdio` catches it. */
function run(
  program: string,
  args: readonly string[],
  stdio: readonly ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'pipe'],
) {
  const { stdout, stderr, error } = spawnSync(program, args, {
    cwd: projectRoot,
    encoding: 'utf8',
    stdio: [...stdio],
  });
  if (error) throw error;
  return (stdout ?? '') + stderr;
}

function plain(page = ''): string {
  return page.replaceAll('\\-', '-').replaceAll(/\\f[BIR]/g, '');
}
