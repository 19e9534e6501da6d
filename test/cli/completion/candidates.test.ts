import { describe, expect, it } from 'vitest';
import { commandFacts } from '../../../src/cli/command-tree.ts';
import { complete, type Whereabouts } from '../../../src/cli/completion/candidates.ts';
import { shellWords } from '../../../src/cli/completion/shell-words.ts';
import { createProgram } from '../../../src/cli/program.ts';

const root = commandFacts(createProgram(() => undefined));
const NAMES = ['office', 'home', 'ann@work'];

/** The values that complete `line`, or the word "files"; and whose accounts were asked for. */
async function completed(line: string) {
  const asked: Whereabouts[] = [];
  const found = await complete(root, shellWords(line), async (whereabouts) => {
    asked.push(whereabouts);
    return NAMES;
  });
  const values = found.kind === 'files' ? 'files' : found.candidates.map(({ value }) => value);
  return { values, asked };
}

const valuesOf = async (line: string) => (await completed(line)).values;

describe('what completes a line', () => {
  it.each([
    ['sipreg sta', ['status']],
    ['/usr/local/bin/sipreg unre', ['unregister']],
    ['sipreg -q --color never sta', ['status']],
    ['sipreg account ', ['list', 'show', 'add', 'import', 'remove', 'help']],
    ['sipreg config sch', ['schema']],
    ['sipreg help sta', ['status']],
    ['sipreg help status ', []],
    ['sipreg nonsense ', []],
    ['sipreg register o', ['office']],
    ['sipreg register office ', ['home', 'ann@work']],
    ['sipreg register ann@', ['ann@work']],
    ['sipreg bindings office ', []],
    ['sipreg account show h', ['home']],
    ['sipreg account add ', []],
    ['sipreg completion ', ['bash', 'zsh', 'fish']],
    ['sipreg --color ', ['auto', 'always', 'never']],
    ['sipreg --color=al', ['--color=always']],
    ['sipreg check --format p', ['prometheus']],
    [
      'check_sipreg --format=',
      ['--format=nagios', '--format=checkmk', '--format=prometheus', '--format=json'],
    ],
    ['/usr/lib/nagios/plugins/check_sipreg o', ['office']],
    ['sipreg account add x --transport t', ['tcp', 'tls']],
    ['sipreg register --expires ', []],
    ['sipreg register --expires 60 h', ['home']],
    ['sipreg register --wa', ['--watch']],
    ['sipreg register --watch --wa', []],
    ['sipreg register -v --verb', ['--verbose']],
    ['sipreg register -- --wa', []],
    ['sipreg register --nonsense=', []],
    ['sipreg check -c 5 o', ['office']],
    ['sipreg demo ', []],
  ])('%j: %j', async (line, values) => {
    expect(await valuesOf(line)).toEqual(values);
  });

  it.each([
    'sipreg -c ',
    'sipreg --config=a',
    'sipreg register --tls-keylog ',
    'sipreg trace --pcap x',
    'sipreg --socket ',
  ])('%j: files', async (line) => {
    expect(await valuesOf(line)).toBe('files');
  });

  it('offers every command and every option that --help shows, and nothing hidden', async () => {
    const help = createProgram(() => undefined).helpInformation();
    const commands = await valuesOf('sipreg ');
    for (const name of commands) expect(help).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    expect(commands).toHaveLength(root.commands.filter(({ isHidden }) => !isHidden).length + 1);
    expect(commands).not.toContain('__complete');
    for (const option of ['--expires', '--dry-run', '--config', '--json', '--help']) {
      expect(await valuesOf('sipreg register -')).toContain(option);
    }
    // `check` has options of its own under the names of two global ones.
    const ofCheck = await valuesOf('sipreg check --');
    expect(new Set(ofCheck).size).toBe(ofCheck.length);
  });

  it.each([
    ['sipreg -c a.json register ', { config: 'a.json', socket: undefined }],
    ['sipreg -ca.json register ', { config: 'a.json', socket: undefined }],
    ['sipreg register --config="my file.json" ', { config: 'my file.json', socket: undefined }],
    ['sipreg --socket /run/s status ', { config: undefined, socket: '/run/s' }],
    // There -c is the critical range.
    ['check_sipreg -c 5 ', { config: undefined, socket: undefined }],
    ['sipreg check --config a.json ', { config: 'a.json', socket: undefined }],
  ])('%j asks for the accounts of %j', async (line, whereabouts) => {
    expect((await completed(line)).asked).toEqual([whereabouts]);
  });
});

describe('the words of a line', () => {
  it.each([
    ['', ['']],
    ['sipreg', ['sipreg']],
    ['sipreg ', ['sipreg', '']],
    ['sipreg  a\tb', ['sipreg', 'a', 'b']],
    ['sipreg --config=x a@b', ['sipreg', '--config=x', 'a@b']],
    ['sipreg "a b" c', ['sipreg', 'a b', 'c']],
    ['sipreg \'a\\b\' "c\\"d"', ['sipreg', 'a\\b', 'c"d']],
    ['sipreg a\\ b', ['sipreg', 'a b']],
    ['sipreg "" x', ['sipreg', '', 'x']],
    ['sipreg "open wor', ['sipreg', 'open wor']],
    ['sipreg end\\', ['sipreg', 'end\\']],
  ])('%j: %j', (line, words) => {
    expect(shellWords(line)).toEqual(words);
  });
});
