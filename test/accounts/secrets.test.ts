import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CredentialSource } from '../../src/accounts/plan.ts';
import { COMMAND_TIMEOUT_MS, readCredentials, readText, type SecretsIo } from '../../src/accounts/secrets.ts';
import type { TextSource } from '../../src/core/text-source.ts';
import { scratchDirectory } from './scratch.ts';

const IO: SecretsIo = { env: { PATH: process.env.PATH }, commandTimeoutMs: COMMAND_TIMEOUT_MS };

function node(script: string): TextSource {
  return { type: 'command', argv: [process.execPath, '-e', script] };
}

function passwordFrom(source: TextSource): CredentialSource {
  return { realm: 'r', username: 'u', secret: { type: 'password', source } };
}

async function causeOf(source: TextSource, io = IO): Promise<string> {
  const read = await readCredentials([passwordFrom(source)], io);
  if (read.ok) throw new Error('it was read');
  expect(read.error).toMatchObject({ stage: 'secret', code: 'secret.unreadable', status: null });
  return read.error.cause;
}

/** A file with `content`, and its source. */
function fileWith(content: string | Uint8Array): TextSource & { readonly path: string } {
  const path = join(scratchDirectory(), 'secret');
  writeFileSync(path, content, { mode: 0o600 });
  return { type: 'file', path };
}

describe('a password', () => {
  it('is a string as it stands', async () => {
    const read = await readCredentials(
      [passwordFrom({ type: 'literal', text: ' a\n' }), passwordFrom({ type: 'literal', text: '' })],
      IO,
    );
    expect(read.ok && read.value).toEqual([
      { realm: 'r', username: 'u', secret: ' a\n' },
      { realm: 'r', username: 'u', secret: '' },
    ]);
  });

  it.each([
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    ['hunter2', 'hunter2'],
    [' hunter2 \t', ' hunter2 \t'],
    ['pässwörd\n', 'pässwörd'],
    ['', ''],
    ['\n', ''],
  ])('in a file %j is %j', async (content, password) => {
    expect(await readText(fileWith(content), IO)).toEqual({ ok: true, value: password });
  });

  it('in a file is read afresh each time', async () => {
    const source = fileWith('old\n');
    expect(await readText(source, IO)).toEqual({ ok: true, value: 'old' });
    writeFileSync(source.path, 'new\n');
    expect(await readText(source, IO)).toEqual({ ok: true, value: 'new' });
  });

  it('in a variable stands as it is', async () => {
    const env = { OFFICE: 'hunter2\n', EMPTY: '' };
    expect(await readText({ type: 'env', variable: 'OFFICE' }, { ...IO, env })).toEqual({
      ok: true,
      value: 'hunter2\n',
    });
    expect(await readText({ type: 'env', variable: 'EMPTY' }, { ...IO, env })).toEqual({
      ok: true,
      value: '',
    });
  });

  it('is what a command prints, without a shell', async () => {
    expect(await readText(node('console.log(process.argv[1])'), IO)).toEqual({
      ok: true,
      value: 'undefined',
    });
    const source: TextSource = {
      type: 'command',
      argv: [process.execPath, '-p', 'process.argv[1]', '$HOME; `id` *'],
    };
    expect(await readText(source, IO)).toEqual({ ok: true, value: '$HOME; `id` *' });
  });

  it('is a credential of systemd', async () => {
    const directory = scratchDirectory();
    writeFileSync(join(directory, 'office'), 'hunter2\n');
    const io = { ...IO, env: { CREDENTIALS_DIRECTORY: directory } };
    expect(await readText({ type: 'credential', id: 'office' }, io)).toEqual({ ok: true, value: 'hunter2' });
  });
});

describe('an HA1', () => {
  const MD5 = '0123456789ABCDEF'.repeat(2);
  const SHA256 = 'ab'.repeat(32);

  async function ha1Of(secret: CredentialSource['secret']): Promise<unknown> {
    const read = await readCredentials([{ realm: null, username: 'u', secret }], IO);
    return read.ok ? read.value[0]?.secret : read.error.cause;
  }

  it('tells its algorithm by its length, in lower case', async () => {
    expect(await ha1Of({ type: 'ha1', source: { type: 'literal', text: MD5 } })).toEqual({
      MD5: MD5.toLowerCase(),
    });
    expect(await ha1Of({ type: 'ha1', source: fileWith(`${SHA256}\n`) })).toEqual({ 'SHA-256': SHA256 });
  });

  it('may be given for each algorithm', async () => {
    const sources = { MD5: fileWith(`${MD5}\n`), 'SHA-512-256': { type: 'literal', text: SHA256 } } as const;
    expect(await ha1Of({ type: 'ha1-by-algorithm', sources })).toEqual({
      MD5: MD5.toLowerCase(),
      'SHA-512-256': SHA256,
    });
  });

  it.each(['hunter2', '', 'g'.repeat(32), `${'a'.repeat(32)} `])(
    'that is none is refused without repeating it: %j',
    async (content) => {
      const source = fileWith(content);
      const cause = await ha1Of({ type: 'ha1', source });
      expect(cause).toBe(`the file ${source.path} holds no HA1 for MD5 (32 hexadecimal digits)`);
    },
  );

  it('of another length than its algorithm has is refused', async () => {
    const source = fileWith(MD5);
    expect(await ha1Of({ type: 'ha1-by-algorithm', sources: { 'SHA-256': source } })).toBe(
      `the file ${source.path} holds no HA1 for SHA-256 (64 hexadecimal digits)`,
    );
  });
});

describe('a secret that cannot be read', () => {
  it('names the file and why', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'none');
    expect(await causeOf({ type: 'file', path })).toBe(`the file ${path} cannot be read: it does not exist`);
    expect(await causeOf({ type: 'file', path: directory })).toBe(
      `the file ${directory} cannot be read: it is a directory`,
    );
    writeFileSync(join(directory, 'plain'), '');
    const below = join(directory, 'plain', 'x');
    expect(await causeOf({ type: 'file', path: below })).toBe(
      `the file ${below} cannot be read: a part of its path is no directory`,
    );
  });

  it.skipIf(process.getuid?.() === 0)('names a file without rights', async () => {
    const source = fileWith('x');
    chmodSync(source.path, 0);
    expect(await causeOf(source)).toBe(
      `the file ${source.path} cannot be read: this user has no right to it`,
    );
  });

  it('is not read without end, and has to be UTF-8', async () => {
    const directory = scratchDirectory();
    const path = join(directory, 'endless');
    symlinkSync('/dev/zero', path);
    expect(await causeOf({ type: 'file', path })).toBe(`the file ${path} gives more than 4096 bytes`);
    const source = fileWith(Uint8Array.of(0x61, 0xff));
    expect(await causeOf(source)).toBe(`the file ${source.path} gives something that is not UTF-8`);
  });

  it('names a variable that is not set', async () => {
    expect(await causeOf({ type: 'env', variable: 'OFFICE' })).toBe(
      'the environment variable OFFICE is not set',
    );
  });

  it('names a credential and the missing directory', async () => {
    expect(await causeOf({ type: 'credential', id: 'office' })).toMatch(
      /^the credential office is not there: \$CREDENTIALS_DIRECTORY is not set/,
    );
    const io = { ...IO, env: { CREDENTIALS_DIRECTORY: scratchDirectory() } };
    expect(await causeOf({ type: 'credential', id: 'office' }, io)).toBe(
      'the credential office cannot be read: it does not exist',
    );
  });

  it('tells how a command failed with its first complaint, never what it printed', async () => {
    const script =
      'console.log("hunter2"); console.error("\\nvault is sealed\\u001b[31m\\nmore"); process.exitCode = 3';
    expect(await causeOf(node(script))).toBe(
      `the command ${process.execPath} ended with status 3: vault is sealed [31m`,
    );
    expect(await causeOf(node('process.kill(process.pid, "SIGTERM")'))).toBe(
      `the command ${process.execPath} ended with SIGTERM`,
    );
    expect(await causeOf({ type: 'command', argv: ['/nonexistent/pass'] })).toBe(
      'the command /nonexistent/pass cannot be run: it does not exist',
    );
  });

  it('does not repeat arguments of a command, which may be secret', async () => {
    const cause = await causeOf({
      type: 'command',
      argv: [process.execPath, '-e', 'process.exit(1)', 'hunter2'],
    });
    expect(cause).not.toContain('hunter2');
  });

  it('ends a command that hangs, with its children, even when they hold its output open', async () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'run'));
    const script = join(directory, 'hang.sh');
    writeFileSync(script, `#!/bin/sh\nsleep 600 &\necho $! > ${directory}/run/child\nwait\n`, {
      mode: 0o700,
    });
    const cause = await causeOf({ type: 'command', argv: [script] }, { ...IO, commandTimeoutMs: 1500 });
    expect(cause).toBe(`the command ${script} took longer than 1.5 s`);
    const child = Number(readFileSync(join(directory, 'run', 'child'), 'utf8'));
    await expect.poll(() => isAlive(child)).toBe(false);
  });

  it('is waited for no longer when only a child of the command holds its output open', async () => {
    const pidFile = join(scratchDirectory(), 'child');
    const source: TextSource = {
      type: 'command',
      argv: ['/bin/sh', '-c', 'sleep 600 & echo $! > "$0"', pidFile],
    };
    expect(await causeOf(source, { ...IO, commandTimeoutMs: 500 })).toBe(
      'the command /bin/sh took longer than 0.5 s',
    );
    await expect.poll(() => isAlive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
  });

  it('is the output of a command without end, of which little is read', async () => {
    const endless = 'const more = () => process.stdout.write("x".repeat(65536), more); more()';
    expect(await causeOf(node(endless))).toBe(`the command ${process.execPath} gives more than 4096 bytes`);
  });

  it('is no failure because of a long complaint', async () => {
    const script = 'console.error("x".repeat(1e6)); console.log("hunter2")';
    expect(await readText(node(script), IO)).toEqual({ ok: true, value: 'hunter2' });
  });

  it('ends the reading at the first', async () => {
    const sources = [
      passwordFrom({ type: 'literal', text: 'hunter2' }),
      passwordFrom({ type: 'env', variable: 'NONE' }),
    ];
    const read = await readCredentials(sources, IO);
    expect(read.ok).toBe(false);
    expect(JSON.stringify(read)).not.toContain('hunter2');
  });
});

/** Alive, and no zombie that waits for its parent to notice. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}
