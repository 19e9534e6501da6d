// The command line itself: usage, help, version, where options stand, exit codes, and readers that go away.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { type Home, runSipreg, temporaryHome } from '../interop/command.ts';

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(() => home.remove());

const run = (...args: readonly string[]) => runSipreg(args, { home });

describe('usage', () => {
  it.each([
    [['nope'], /unknown command 'nope'/],
    [['acount'], /account/],
    [['nope'], /\(see "sipreg --help"\)/],
    [['register'], /missing required argument 'account'/],
    [['register'], /\(see "sipreg register --help"\)/],
    [['account', 'add'], /\(see "sipreg account add --help"\)/],
    [['register', 'a', '--expires', '0'], /--expires.*invalid/],
    [['register', 'a', '--expires', '1.5'], /--expires.*invalid/],
    [['register', 'a', '--expires', '4294967296'], /--expires.*invalid/],
    [['register', 'a', '--timeout', 'soon'], /--timeout.*invalid/],
    [['register', 'a', '--nonsense'], /unknown option '--nonsense'/],
    [['bindings', 'a', 'b'], /too many arguments/],
    [['--color', 'blue', 'config', 'path'], /Allowed choices are auto, always, never/],
    [['account'], /Usage: sipreg account/],
    [['account', 'add', 'a', '--password', 'x'], /unknown option '--password'/],
    [[], /Usage: sipreg/],
  ] as const)('%j ends with 64, in words on stderr', async (args, words) => {
    const result = await run(...args);
    expect(result).toMatchObject({ code: 64, stdout: '' });
    expect(result.stderr).toMatch(words);
  });

  it.each([['--help'], ['help'], ['register', '--help'], ['account', 'add', '--help']])(
    '%s %s shows help on stdout and ends with 0',
    async (...args) => {
      const result = await run(...args.filter((word) => word !== undefined));
      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout).toMatch(/^Usage: sipreg/);
      expect(result.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
    },
  );

  it('the help of register names every option of the interface', async () => {
    const { stdout } = await run('register', '--help');
    for (const option of ['--watch', '--expires', '--timeout', '--dry-run']) expect(stdout).toContain(option);
    const { stdout: all } = await run('--help');
    for (const command of ['register', 'unregister', 'bindings', 'account', 'config', 'demo']) {
      expect(all).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
    }
  });

  it('--version prints the version of package.json, alone or after a command', async () => {
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
    for (const args of [['--version'], ['-V'], ['config', '--version'], ['--json', '--version']]) {
      expect(await run(...args)).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });
});

describe('exit codes', () => {
  it.each([
    [['register', 'x']],
    [['unregister', 'x']],
    [['bindings', 'x']],
    [['config', 'check']],
    [['account', 'list']],
    [['account', 'show', 'x']],
  ])('%j with a missing file ends with 66', async (words) => {
    const result = await run('-c', join(home.folder, 'none.json'), ...words);
    expect(result).toMatchObject({ code: 66, stdout: '' });
    expect(result.stderr).toContain('none.json');
    expect(result.stderr).not.toMatch(/a bug in sipreg/);
  });

  it('an unknown account ends with 66 and the nearest name', async () => {
    const accounts = { office: { aor: 'sip:1@a.test' }, home: { aor: 'sip:2@a.test' } };
    const config = await home.write('accounts.json', { accounts });
    for (const words of [
      ['register', 'ofice'],
      ['bindings', 'ofice'],
      ['account', 'show', 'ofice'],
    ]) {
      const result = await run('-c', config, ...words);
      expect(result).toMatchObject({ code: 66, stdout: '' });
      expect(result.stderr).toMatch(/no account "ofice"; did you mean "office"\?/);
    }
    expect((await run('-c', config, 'register', 'office', 'zebra')).stderr).toMatch(/known: office, home/);
  });

  it('without any accounts says how to begin', async () => {
    const result = await run('register', 'office');
    expect(result).toMatchObject({ code: 66, stdout: '' });
    expect(result.stderr).toMatch(/sipreg account add/);
  });

  it('a disabled account is not registered', async () => {
    const config = await home.write('accounts.json', {
      accounts: { off: { aor: 'sip:1@127.0.0.1', enabled: false } },
    });
    const result = await run('-c', config, 'register', 'off');
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toMatch(/"off" is disabled/);
  });

  it.each([
    [['register', 'a'], 'not registered'],
    [['unregister', 'a'], 'not unregistered'],
    [['bindings', 'a'], 'the bindings cannot be read'],
  ] as const)('%j with a secret that cannot be read ends with 78, at once', async (words, undone) => {
    const config = await home.write('accounts.json', {
      accounts: { a: { aor: 'sip:1@127.0.0.1:1', password: { file: 'no.secret' } } },
    });
    const result = await run('-c', config, ...words);
    expect(result).toMatchObject({ code: 78, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`✗ a {2}${undone} {2}secret\\.unreadable`));
    expect(result.stderr).toContain('no.secret');
    expect(result.ms).toBeLessThan(3000);
  });

  it('a program that is not built, or broken, ends with 70 and says so', async () => {
    await mkdir(join(home.folder, 'bin'));
    await mkdir(join(home.folder, 'dist'));
    const executable = join(home.folder, 'bin/sipreg.cjs');
    await copyFile(join(projectRoot, 'bin/sipreg.js'), executable);
    const start = async () => {
      const child = spawn(process.execPath, [executable, 'config', 'path'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (chunk) => {
        stderr += chunk;
      });
      const [code] = await once(child, 'close');
      return { code, stderr };
    };
    expect(await start()).toMatchObject({ code: 70, stderr: expect.stringMatching(/is not built/) });
    await copyFile(join(projectRoot, 'dist/main.cjs'), join(home.folder, 'dist/main.cjs'));
    await writeFile(join(home.folder, 'dist/program.cjs'), '(() => { throw new Error("boom") })');
    expect(await start()).toMatchObject({
      code: 70,
      stderr: expect.stringMatching(/^sipreg: a bug in sipreg .*please report it: Error: boom/),
    });
  });
});

describe('global options', () => {
  it('work before and after the command', async () => {
    const config = await home.write('accounts.json', { accounts: { a: { aor: 'sip:1@a.test' } } });
    const before = await run('--json', '-c', config, 'account', 'list');
    const after = await run('account', 'list', '--json', '--config', config);
    const between = await run('account', '-c', config, 'list', '--json');
    expect(before.code).toBe(0);
    expect(JSON.parse(before.stdout).accounts).toHaveLength(1);
    expect(after.stdout).toBe(before.stdout);
    expect(between.stdout).toBe(before.stdout);
  });
});

describe('a reader that goes away', () => {
  async function shell(line: string) {
    const child = spawn('/bin/bash', ['-c', `set -o pipefail; ${line}`], {
      cwd: home.folder,
      env: {
        PATH: process.env.PATH ?? '',
        ...home.environment,
        NODE: process.execPath,
        PROGRAM: join(projectRoot, 'bin/sipreg.js'),
      },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      output.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output.stderr += chunk;
    });
    const [code] = await once(child, 'close');
    return { code, ...output };
  }

  it('is no error: "| head -1"', async () => {
    const schema = await shell('"$NODE" "$PROGRAM" config schema | head -1');
    expect(schema).toEqual({ code: 0, stdout: '{\n', stderr: '' });
    const help = await shell('"$NODE" "$PROGRAM" --help | true');
    expect(help).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it.each([
    ['config path', 75],
    ['--version', 75],
    ['exit-codes', 75],
    // A plugin has codes of its own.
    ['check --direct a', 3],
    // A failure of its own is worth more.
    ['register none', 66],
  ])('but of a full disk is told by code and word: sipreg %s', async (words, expected) => {
    const registrar = createSocket('udp4');
    registrar.bind(0, '127.0.0.1');
    await once(registrar, 'listening');
    try {
      // Answers with what it was sent: as good as a 200 to whoever has no contact.
      registrar.on('message', (request, { port }) => {
        const head = request.toString().replace(/^REGISTER .*/, 'SIP/2.0 200 OK');
        registrar.send(head, port);
      });
      const entry = { aor: 'sip:1@127.0.0.1', registrar: `sip:127.0.0.1:${registrar.address().port}` };
      const config = await home.write('accounts.json', { accounts: { a: entry } });
      const line = `"$NODE" "$PROGRAM" ${words}`;
      const { code, stderr } = await shell(`export SIPREG_CONFIG=${config}; ${line} > /dev/full`);
      expect(code).toBe(expected);
      if (expected !== 66)
        expect(stderr).toBe('sipreg: stdout could not be written: ENOSPC: no space left on device, write\n');
    } finally {
      registrar.close();
    }
  });

  it('and one that is slow gets all of it', async () => {
    const accounts = Object.fromEntries(
      Array.from({ length: 4000 }, (_, index) => [`a${index}`, { aor: `sip:${index}@pbx${index}.test` }]),
    );
    await home.write('many.json', { accounts });
    const { code, stdout } = await shell('"$NODE" "$PROGRAM" -c many.json account list | (sleep 0.7; wc -l)');
    expect({ code, lines: stdout.trim() }).toEqual({ code: 0, lines: '4000' });
  });
});
