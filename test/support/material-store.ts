// A material store for tests: it reads passphrases that stand in the settings or in files, writes its events down, and
// its clocks stand where the test puts them.

import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { failure, type Result, success } from '../../src/core/result.ts';
import type { TextSource } from '../../src/core/text-source.ts';
import type {
  ExpiringReport,
  InvalidReport,
  MaterialEvents,
  MaterialSubject,
  ReloadedReport,
  RepairedReport,
} from '../../src/runtime/tls/material-report.ts';
import { createMaterialStore, type MaterialStore } from '../../src/runtime/tls/material-store.ts';

type Told = {
  readonly reloaded: ReloadedReport[];
  readonly rewritten: MaterialSubject[];
  readonly invalid: InvalidReport[];
  readonly repaired: RepairedReport[];
  readonly expiring: ExpiringReport[];
  readonly usable: MaterialSubject[];
};

/** A store on the real clocks that tells nobody; it stops with its test. */
export function makeMaterialStore(): MaterialStore {
  const store = createMaterialStore({ readSecret });
  onTestFinished(store.stop);
  return store;
}

/** A store whose clocks run `aheadMs` before the real ones: files that were just written are old for it. It stops with its
 * test. */
export function recordMaterialStore(): MaterialStore & {
  readonly told: Told;
  readonly advance: (ms: number) => void;
} {
  const told: Told = { reloaded: [], rewritten: [], invalid: [], repaired: [], expiring: [], usable: [] };
  const events: MaterialEvents = {
    reloaded: (report) => told.reloaded.push(report),
    rewritten: (subject) => told.rewritten.push(subject),
    invalid: (report) => told.invalid.push(report),
    repaired: (report) => told.repaired.push(report),
    expiring: (report) => told.expiring.push(report),
    usable: (subject) => told.usable.push(subject),
  };
  let aheadMs = 10_000;
  const store = createMaterialStore({
    readSecret,
    events,
    now: () => performance.now() + aheadMs,
    wallClock: () => new Date(Date.now() + aheadMs),
  });
  onTestFinished(store.stop);
  return {
    ...store,
    told,
    advance: (ms) => {
      aheadMs += ms;
    },
  };
}

/** As accounts/secrets.ts does it, for texts and files. */
export async function readSecret(source: TextSource): Promise<Result<string, string>> {
  if (source.type === 'literal') return success(source.text);
  if (source.type !== 'file') return failure(`tests have no ${source.type}`);
  try {
    return success(readFileSync(source.path, 'utf8'));
  } catch {
    return failure(`the file ${source.path} cannot be read`);
  }
}
