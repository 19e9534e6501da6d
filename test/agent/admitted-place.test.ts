// The place that an account waits for (admission.ts) is for one round, with the secret of that time.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { monotonicNow } from '../../src/runtime/clock.ts';
import { accountOf, entryAt, openRegistrar, openScene, PASSWORD, untilState } from './supervisor-scene.ts';

const HOUR = 3_600_000;

it('does not make a changed secret wait for the place that the rejected one had', async () => {
  const scene = await openScene(onTestFinished);
  const registrar = await openRegistrar(onTestFinished);
  const file = join(scene.directory, 'password');
  await writeFile(file, 'wrong', { mode: 0o600 });
  await scene.write({ alice: entryAt(registrar, 'alice', { password: { file } }) });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'waiting', 'alice');
  const alice = accountOf(supervisor, 'alice');
  alice.admittedAt = monotonicNow() + HOUR;

  await writeFile(file, PASSWORD);
  await supervisor.secretsTouched(alice);
  await untilState(supervisor, 'registered', 'alice');
});

it('keeps no place for later when a round begins without it', async () => {
  const scene = await openScene(onTestFinished);
  const registrar = await openRegistrar(onTestFinished);
  await scene.write({ alice: entryAt(registrar, 'alice') });
  const { supervisor } = await scene.supervise();
  await untilState(supervisor, 'registered', 'alice');
  const alice = accountOf(supervisor, 'alice');
  alice.admittedAt = monotonicNow() + HOUR;

  supervisor.engine.request(alice, { type: 'roundRequested', goal: 'register' });
  expect(alice.admittedAt).toBeUndefined();
});
