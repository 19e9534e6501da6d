// An identity store for tests: its notices are kept, as `code message`.

import { seededRng } from '../../src/core/rng.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { type IdentityKey, type IdentityStore, openIdentityStore } from '../../src/state/identity-store.ts';

export const OFFICE: IdentityKey = {
  account: 'office',
  aor: 'sip:1@example.com',
  registrar: 'sip:example.com',
};

const rng = seededRng(11);

/** Fails the test when the store cannot be opened. */
export async function openNoted(directory: string | null, notices: string[]): Promise<IdentityStore> {
  const opened = await openIdentityStore(directory, {
    rng,
    now: exactNow,
    notify: ({ code, message }) => void notices.push(`${code} ${message}`),
  });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}
