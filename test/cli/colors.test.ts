// Colour and control characters: for each stream by itself, as --color, NO_COLOR, FORCE_COLOR and the terminal say.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, runSipreg, temporaryHome } from '../interop/command.ts';
import { isInstalled, missingPrograms } from '../interop/installed.ts';
import { startInTerminal } from './terminal.ts';

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
  // One result on stdout (the name in bold), and one warning on stderr (in yellow).
  const path = await home.write('accounts.json', {
    accounts: { a: { aor: 'sip:1@a.test', tls: { verify: 'none' } } },
  });
  expect(path).toBe(join(home.folder, 'accounts.json'));
});

afterEach(() => home.remove());

const CHECK = ['-c', 'accounts.json', 'config', 'check'];
const COLOURED = /\u001b\[\d+m/;

describe('into pipes', () => {
  const isColoured = async (args: readonly string[], environment: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await runSipreg(args, { home, environment });
    expect(code).toBe(0);
    expect(stdout).toMatch(/valid, 1 account/);
    expect(stderr).toMatch(/warning:/);
    return { stdout: COLOURED.test(stdout), stderr: COLOURED.test(stderr) };
  };
  const both = { stdout: true, stderr: true };
  const none = { stdout: false, stderr: false };

  it.each([
    ['nothing asks for it', [], {}, none],
    ['--color always', ['--color', 'always'], {}, both],
    ['--color=always after the command, over NO_COLOR', ['--color=always'], { NO_COLOR: '1' }, both],
    ['FORCE_COLOR', [], { FORCE_COLOR: '1' }, both],
    ['an empty FORCE_COLOR is none', [], { FORCE_COLOR: '' }, none],
    ['FORCE_COLOR=0', [], { FORCE_COLOR: '0' }, none],
    ['--no-color over FORCE_COLOR', ['--no-color'], { FORCE_COLOR: '1' }, none],
    ['--color never over FORCE_COLOR', ['--color', 'never'], { FORCE_COLOR: '3' }, none],
  ] as const)('%s', async (_, options, environment, expected) => {
    expect(await isColoured([...options, ...CHECK], environment)).toEqual(expected);
    expect(await isColoured([...CHECK, ...options], environment)).toEqual(expected);
  });

  it('-q leaves the result and takes the warning', async () => {
    const result = await runSipreg(['-q', ...CHECK], { home });
    expect(result).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/valid/) });
  });
});

describe.skipIf(!isInstalled('script'))(`in a terminal${missingPrograms('script')}`, () => {
  const words = '-c accounts.json config check';

  it('both streams are coloured', async () => {
    const terminal = startInTerminal(words, home);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).toMatch(/\u001b\[33mwarning:\u001b\[39m/);
    expect(terminal.screen()).toMatch(/\u001b\[32m✓\u001b\[39m/);
  });

  it.each([
    ['NO_COLOR', words, { NO_COLOR: '1' }],
    ['--no-color', `${words} --no-color`, {}],
    ['TERM=dumb', words, { TERM: 'dumb' }],
  ] as const)('but not with %s', async (_, line, environment) => {
    const terminal = startInTerminal(line, home, environment);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).toMatch(/✓ .*valid/);
    expect(terminal.screen()).not.toContain('\u001b');
  });

  it('an empty NO_COLOR says nothing', async () => {
    const terminal = startInTerminal(words, home, { NO_COLOR: '' });
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).toMatch(COLOURED);
  });

  it('a stream that goes into a file is plain, and the other is not', async () => {
    const terminal = startInTerminal(`${words} > out.txt`, home);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).toMatch(/\u001b\[33mwarning:/);
    expect(await readFile(join(home.folder, 'out.txt'), 'utf8')).toMatch(/^✓ /);

    const other = startInTerminal(`${words} 2> err.txt`, home);
    expect(await other.ended).toBe(0);
    expect(other.screen()).toMatch(/\u001b\[32m✓/);
    expect(await readFile(join(home.folder, 'err.txt'), 'utf8')).toMatch(/^warning: /);
  });
});
