// The files of rejected secrets: a change is told, whenever it comes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { CredentialSource } from '../../src/accounts/plan.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import { type SecretWatch, watchSecrets } from '../../src/agent/secret-watch.ts';

let watch: SecretWatch | null = null;
let directory: string | null = null;

afterEach(async () => {
  watch?.stop();
  if (directory !== null) await rm(directory, { recursive: true });
});

/** Watches an account whose password is in a file, and gives the file and what was told. */
async function watching(): Promise<{
  readonly file: string;
  readonly told: ManagedRegistration[];
  looks: () => number;
}> {
  directory = await mkdtemp(join(tmpdir(), 'sipreg-secret-'));
  const file = join(directory, 'password');
  await writeFile(file, 'old');
  const source: CredentialSource = {
    realm: null,
    username: 'alice',
    secret: { type: 'password', source: { type: 'file', path: file } },
  };
  const account = { setup: { secrets: [source] } } as unknown as ManagedRegistration;
  const told: ManagedRegistration[] = [];
  let looks = 0;
  const rejected = function* (): Iterable<ManagedRegistration> {
    looks += 1;
    yield account;
  };
  watch = watchSecrets(rejected, (one) => told.push(one), 5);
  return { file, told, looks: () => looks };
}

it('tells at the first look, because the file may have changed since the secret was read', async () => {
  const { told, looks } = await watching();
  await expect.poll(looks).toBeGreaterThan(3);
  expect(told).toHaveLength(1);
});

it('tells of a file that was written while it looked', async () => {
  const { file, told, looks } = await watching();
  await expect.poll(looks).toBeGreaterThan(2);
  await writeFile(file, 'a new one');
  await expect.poll(() => told.length).toBeGreaterThan(1);
});
