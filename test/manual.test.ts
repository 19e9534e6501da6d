// What is generated for readers says what the program is: it fails here when it is stale. UPDATE=1 rewrites it, as
// `node scripts/manual.mjs` does.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents } from '../scripts/manual/documents.ts';
import { type Block, manPage } from '../scripts/manual/roff.ts';
import { projectRoot } from '../scripts/setup.mjs';
import { MAX_ACCOUNTS_FILE_BYTES } from '../src/accounts/glance.ts';
import { MAX_CLIENTS } from '../src/agent/control/server.ts';
import { MAX_FOLLOWERS } from '../src/agent/http/event-stream.ts';
import { type CommandFacts, commandFacts } from '../src/cli/command-tree.ts';
import { EXAMPLES } from '../src/cli/examples.ts';
import { createProgram } from '../src/cli/program.ts';
import { VERDICTS } from '../src/core/health/verdict.ts';
import { MAX_HEAD_BYTES, MAX_HEADER_ROWS, MAX_MESSAGE_BYTES } from '../src/core/sip/limits.ts';
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

describe('what the documents and examples say to type', () => {
  const root = commandFacts(createProgram(() => undefined));
  const lines = [
    ...Object.values(EXAMPLES).flatMap((examples) => examples.map(({ line }) => line)),
    ...['operations', 'monitoring', 'troubleshooting'].flatMap((name) =>
      codeOf(readFileSync(join(projectRoot, `docs/${name}.md`), 'utf8')),
    ),
  ];

  it('are commands and options that exist', () => {
    const commands = lines.flatMap(commandsIn);
    expect(commands.length).toBeGreaterThan(60);
    expect(commands.flatMap((words) => unknownIn(root, words))).toEqual([]);
  });

  it('are links to files that exist', () => {
    for (const name of ['operations', 'monitoring', 'troubleshooting']) {
      const text = readFileSync(join(projectRoot, `docs/${name}.md`), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#:]+)\)/g)) {
        expect(existsSync(join(projectRoot, 'docs', target)), `docs/${name}.md: ${target}`).toBe(true);
      }
    }
  });

  it('and the sizes that are told are those of the program', () => {
    const text = readFileSync(join(projectRoot, 'docs/operations.md'), 'utf8');
    expect(text).toContain(`| ${MAX_ACCOUNTS_FILE_BYTES / 2 ** 20} MiB, `);
    for (const size of [MAX_MESSAGE_BYTES, MAX_HEAD_BYTES, MAX_HEADER_ROWS, MAX_CLIENTS, MAX_FOLLOWERS]) {
      expect(text).toContain(size < 1_000 ? `${size}` : `${Math.floor(size / 1_000)},${size % 1_000}`);
    }
  });
});

/** The fenced and the `ticked` parts of a document, a line each. */
function codeOf(markdown: string): readonly string[] {
  const fenced = [...markdown.matchAll(/^```\w*\n(.*?)^```/gms)].flatMap(([, code = '']) => code.split('\n'));
  const ticked = [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...fenced, ...ticked];
}

/** The words of each call of sipreg in a line of shell. */
function commandsIn(line: string): readonly (readonly string[])[] {
  return line
    .replace(/ {2,}#.*$/, '')
    .split(/&&|\|\|?|;|[()]|>|"/)
    .map((part) => part.trim().split(/\s+/))
    .flatMap((words) => {
      const at = words.findIndex((word) => /^(?:exec )?(?:.*\/)?(?:check_)?sipreg$/.test(word));
      const before = words.slice(0, Math.max(at, 0));
      // "systemctl status sipreg", a path, or a prompt.
      if (at < 0 || before.some((word) => /^(?:systemctl|journalctl|-[a-z]+|podman|cd|install)$/.test(word)))
        return [];
      const rest = words.slice(at + 1);
      return [words[at]?.endsWith('check_sipreg') ? ['check', ...rest] : rest];
    });
}

/** What of it the program does not know. */
function unknownIn(root: CommandFacts, words: readonly string[]): readonly string[] {
  let command = root;
  const flags = new Set(['-h', '--help']);
  const admit = ({ options }: CommandFacts): void => {
    for (const { short, long } of options)
      for (const flag of [short, long]) if (flag !== null) flags.add(flag);
  };
  admit(root);
  const unknown: string[] = [];
  for (const word of words) {
    const below = command.commands.find(({ name }) => name === word);
    if (below !== undefined) {
      command = below;
      admit(command);
    } else if (/^--?[a-z]/.test(word)) {
      const flag = word.replace(/=.*$/, '');
      if (flag !== '-vv' && !flags.has(flag)) unknown.push(`${words.join(' ')}: ${flag}`);
    }
  }
  if (command === root && words.length > 0 && !words.every((word) => word.startsWith('-'))) {
    unknown.push(`${words.join(' ')}: no such command`);
  }
  return unknown;
}

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
