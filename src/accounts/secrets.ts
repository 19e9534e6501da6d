// Reads passwords and HA1 values from where the accounts file says they are, afresh at each call. A failure names
// the source and why, never what was read. What is read stays in memory only.

import { join } from 'node:path';
import type { Credential, DigestAlgorithm, Secret } from '../core/digest/algorithm.ts';
import { type Failure, failureOf } from '../core/health/verdict.ts';
import { failure, type Result, success } from '../core/result.ts';
import type { TextSource } from '../core/text-source.ts';
import { readAtMost } from '../runtime/bounded-file.ts';
import { endGroup } from '../runtime/process-group.ts';
import type { CredentialSource } from './plan.ts';
import { ha1Rule } from './value-rules.ts';

/** What the reading of secrets takes from the process. */
export type SecretsIo = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long a command may take, milliseconds. */
  readonly commandTimeoutMs: number;
};

export const COMMAND_TIMEOUT_MS = 10_000;

/** The credentials of one account, in the order of `sources`; the first that cannot be read is the failure. */
export async function readCredentials(
  sources: readonly CredentialSource[],
  io: SecretsIo,
): Promise<Result<readonly Credential[], Failure>> {
  let credentials: readonly Credential[] = [];
  for (const { realm, username, secret, policy } of sources) {
    const read = await readSecret(secret, io);
    if (!read.ok) return failure(failureOf('secret.unreadable', read.error));
    const credential = { realm, username, secret: read.value };
    credentials = credentials.concat(policy === undefined ? credential : { ...credential, policy });
  }
  return success(credentials);
}

/** One text from its source; the error says in words which source and why. */
export async function readText(source: TextSource, io: SecretsIo): Promise<Result<string, string>> {
  switch (source.type) {
    case 'literal':
      return success(source.text);
    case 'file':
      return readFileText(source.path, `the file ${source.path}`);
    case 'env':
      return readVariable(source.variable, io);
    case 'command':
      return readCommandOutput(source.argv, io);
    case 'credential':
      return readSystemdCredential(source.id, io);
  }
}

async function readSecret(
  secret: CredentialSource['secret'],
  io: SecretsIo,
): Promise<Result<Secret, string>> {
  if (secret.type === 'password') return await readText(secret.source, io);
  const byAlgorithm: Partial<Record<DigestAlgorithm, string>> = {};
  const sources = secret.type === 'ha1' ? { unnamed: secret.source } : secret.sources;
  for (const [name, source] of Object.entries(sources)) {
    const read = await readText(source, io);
    if (!read.ok) return read;
    const algorithm = name === 'unnamed' ? algorithmOf(read.value) : (name as DigestAlgorithm);
    if (ha1Rule(read.value) !== null || read.value.length !== HA1_DIGITS[algorithm]) {
      return failure(
        `${placeOf(source)} holds no HA1 for ${algorithm} (${HA1_DIGITS[algorithm]} hexadecimal digits)`,
      );
    }
    byAlgorithm[algorithm] = read.value.toLowerCase();
  }
  return success(byAlgorithm);
}

/** Without a name, 64 digits are SHA-256: SHA-512-256 is as long, but hardly anybody has it. */
function algorithmOf(ha1: string): DigestAlgorithm {
  return ha1.length === HA1_DIGITS['SHA-256'] ? 'SHA-256' : 'MD5';
}

async function readFileText(path: string, place: string): Promise<Result<string, string>> {
  try {
    const { pieces } = await readAtMost(path, MAX_SECRET_BYTES);
    return decodeSecret(Buffer.concat(pieces), place);
  } catch (error) {
    return failure(`${place} cannot be read: ${systemReason(error)}`);
  }
}

function readVariable(variable: string, { env }: SecretsIo): Result<string, string> {
  const value = env[variable];
  return value === undefined ? failure(`the environment variable ${variable} is not set`) : success(value);
}

async function readSystemdCredential(id: string, { env }: SecretsIo): Promise<Result<string, string>> {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (!directory) {
    return failure(
      `the credential ${id} is not there: $CREDENTIALS_DIRECTORY is not set (LoadCredential= in the unit)`,
    );
  }
  return readFileText(join(directory, id), `the credential ${id}`);
}

/** Runs a program without a shell; its standard output is the secret, its standard error explains a failure. */
async function readCommandOutput(argv: readonly string[], io: SecretsIo): Promise<Result<string, string>> {
  // Loaded for accounts that ask a command only: most do not, and it costs time at every start.
  const { spawn } = await import('node:child_process');
  const [program = '', ...rest] = argv;
  const place = `the command ${program}`;
  return await new Promise((resolve) => {
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...io.env },
      detached: true,
    });
    const output = collect(child.stdout, () => abort(decodeSecret(output(), place)));
    const complaints = collect(child.stderr);
    const overdue = setTimeout(
      () => abort(failure(`${place} took longer than ${io.commandTimeoutMs / 1000} s`)),
      io.commandTimeoutMs,
    );
    child.once('error', (error) => finish(failure(`${place} cannot be run: ${systemReason(error)}`)));
    child.once('close', (code, signal) => {
      if (code === 0) finish(decodeSecret(output(), place));
      else finish(failure(`${place} ended with ${signal ?? `status ${code}`}${firstLine(complaints())}`));
    });

    function finish(outcome: Result<string, string>): void {
      clearTimeout(overdue);
      resolve(outcome);
    }

    function abort(outcome: Result<string, string>): void {
      endGroup(child);
      finish(outcome);
    }
  });
}

/** Keeps the first MAX_SECRET_BYTES + 1 bytes of a stream; the rest is dropped, and `overflowing` told. */
function collect(stream: NodeJS.ReadableStream, overflowing?: () => void): () => Uint8Array {
  const chunks: Buffer[] = [];
  let total = 0;
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, MAX_SECRET_BYTES + 1 - total);
    total += kept.length;
    if (kept.length > 0) chunks.push(kept);
    if (total > MAX_SECRET_BYTES) overflowing?.();
  });
  return () => Buffer.concat(chunks);
}

function decodeSecret(bytes: Uint8Array, place: string): Result<string, string> {
  if (bytes.length > MAX_SECRET_BYTES) return failure(`${place} gives more than ${MAX_SECRET_BYTES} bytes`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Editors and echo put one line break at the end, which nobody means.
    return success(text.replace(/\r?\n$/, ''));
  } catch {
    return failure(`${place} gives something that is not UTF-8`);
  }
}

function firstLine(bytes: Uint8Array): string {
  const [line = ''] = new TextDecoder()
    .decode(bytes)
    .trim()
    .split(/[\r\n]/);
  const printable = line.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').slice(0, 200);
  return printable === '' ? '' : `: ${printable}`;
}

function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return SYSTEM_REASONS[code] ?? code;
}

/** Where the text comes from, in words, for people; never the text. */
export function placeOf(source: TextSource): string {
  switch (source.type) {
    case 'literal':
      return 'the accounts file';
    case 'file':
      return `the file ${source.path}`;
    case 'env':
      return `the environment variable ${source.variable}`;
    case 'command':
      return `the command ${source.argv[0] ?? ''}`;
    case 'credential':
      return `the credential ${source.id}`;
  }
}

const MAX_SECRET_BYTES = 4096;

const HA1_DIGITS = { MD5: 32, 'SHA-256': 64, 'SHA-512-256': 64 } as const satisfies Record<
  DigestAlgorithm,
  number
>;

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EACCES: 'this user has no right to it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is no directory',
  ENOEXEC: 'it is no program',
  ETIMEDOUT: 'it is a pipe, and nothing came through it',
};
