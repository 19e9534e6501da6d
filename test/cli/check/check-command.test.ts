// `sipreg check` as a plugin: whatever is wrong with its arguments, help and version are UNKNOWN, in words on stdout.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
