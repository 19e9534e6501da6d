// `sipreg check` as a plugin: whatever is wrong with its arguments, help and version are UNKNOWN, in words on stdout.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../scripts/setup.mjs';
import { type Home, runSipreg, temporaryHome } from '../../interop/command.ts';
import { readPlugin } from './perfdata-grammar.ts';

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(() => home.remove());

describe('check as a plugin', () => {
  it.each([
    [['check', '-c', 'x']],
    [['check', '--nonsense']],
    [['check', '--format', 'xml']],
    [['check', '-t', '0']],
    [['check', '--config', '/nowhere/accounts.json', '--direct']],
    [['-c', '/nowhere/accounts.json', 'check', '--direct', '-c', '5']],
  ])('%j is UNKNOWN, in words on stdout', async (args) => {
    const result = await runSipreg(args, { home });
    expect(result).toMatchObject({ code: 3, stderr: '' });
    expect(readPlugin(result.stdout).state).toBe('UNKNOWN');
  });

  it.each([
    [['check', '--json', '-w', 'x'], /^-w: "x"/],
    [['check', '--format', 'json', '-t', '0'], /^-t: "0"/],
    [['check', '--format=json', '--nonsense'], /^unknown option '--nonsense'/],
    [['--json', 'check', '--format'], /^option '--format <format>' argument missing/],
  ])('%j is UNKNOWN in a JSON document', async (args, problem) => {
    const { code, stdout, stderr } = await runSipreg(args, { home });
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'sipreg.check/1',
      state: 'UNKNOWN',
      problem: expect.stringMatching(problem),
    });
  });

  it('says why there is no result on stderr, where what it writes does not', async () => {
    const args = ['check', '--config', '/nowhere/accounts.json', '--direct', 'a'];
    const why = expect.stringMatching(/^warning: \/nowhere\/accounts\.json.*there is no such file/);
    const numbers = await runSipreg([...args, '--format', 'prometheus'], { home });
    expect(numbers).toMatchObject({ code: 3, stderr: why });
    const outfile = join(home.folder, 'check.txt');
    const file = await runSipreg([...args, '--outfile', outfile], { home });
    expect(file).toMatchObject({ code: 3, stdout: '', stderr: why });
    expect(readPlugin(await readFile(outfile, 'utf8')).state).toBe('UNKNOWN');
  });

  it.each([['--help'], ['--version'], ['-V']])('%s is UNKNOWN too', async (option) => {
    const { code, stdout, stderr } = await runSipreg(['check', option], { home });
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
    expect(stdout).toMatch(/^Usage: sipreg check|^\d+\.\d+\.\d+\n$/);
  });

  it('is also named check_sipreg', async () => {
    const program = join(projectRoot, 'bin/check_sipreg.js');
    const child = spawn(process.execPath, [program, '-c', '5'], {
      env: { ...process.env, ...home.environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      stdout += part;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(2);
    expect(readPlugin(stdout)).toMatchObject({ state: 'CRITICAL' });
  });
});
