// The TLS material of all accounts (behaviour.md §19): one source for all that name the same files, one context for all
// whose files have the same content, and one timer for all sources. fs.watch plays no part: it misses symbolic links
// that are flipped and goes blind after a rename.

import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Millis } from '../../core/time.ts';
import { monotonicNow } from '../clock.ts';
import type { TlsMaterial } from './material.ts';
import type { MaterialEvents, MaterialHealth, MaterialSubject } from './material-report.ts';
import { type MaterialSource, SETTLED_MS, type SourceContext, watchSource } from './material-source.ts';
import type { TlsSettings } from './settings.ts';

export type MaterialStore = {
  /** The material of the settings, as it lies on disk now or as it was when it was last in order; else why not. */
  readonly materialFor: (settings: TlsSettings) => Promise<Result<TlsMaterial, Failure>>;
  /** The digest of the material that a new connection would use, as far as is known; null: it has never been used. */
  readonly currentDigest: (settings: TlsSettings) => string | null;
  /** null: nobody has asked for this material yet. */
  readonly health: (settings: TlsSettings) => MaterialHealth | null;
  /** Looks at every source now; waits a moment for files that are being written. */
  readonly checkNow: () => Promise<void>;
  /** Lets go of every source that none of these settings uses. */
  readonly forgetUnused: (inUse: Iterable<TlsSettings>) => void;
  readonly stop: () => void;
};

export type MaterialStoreOptions = Pick<SourceContext, 'readSecret'> & {
  readonly events?: MaterialEvents;
  readonly now?: () => Millis;
  readonly wallClock?: () => Date;
};

/** A store that looks by itself until `stop`; its timer keeps no process alive. */
export function createMaterialStore({
  readSecret,
  events = SILENT,
  now = monotonicNow,
  wallClock = () => new Date(),
}: MaterialStoreOptions): MaterialStore {
  const sources = new Map<string, MaterialSource>();
  const keys = new WeakMap<TlsSettings, string>();
  /** What is in use, by its digest: whoever comes to the same content takes the same context. */
  let shared = new Map<string, TlsMaterial>();
  let timer: NodeJS.Timeout | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let isStopped = false;

  const keyOf = (settings: TlsSettings): string => {
    const known = keys.get(settings) ?? keyOfSettings(settings);
    keys.set(settings, known);
    return known;
  };
  const sourceOf = (settings: TlsSettings): MaterialSource => {
    const key = keyOf(settings);
    const known = sources.get(key);
    if (known !== undefined) return known;
    const { ca, cert, key: keyFile } = settings;
    const subject: MaterialSubject = {
      files: { ca, cert, key: keyFile },
      concerns: (other) => keyOf(other) === key,
    };
    const context = { now, wallClock, readSecret, events };
    const source = watchSource(settings, subject, { ...context, shared: (digest) => shared.get(digest) });
    sources.set(key, source);
    return source;
  };
  const arm = (at: Millis): void => {
    if (isStopped || at >= timerAt) return;
    clearTimeout(timer);
    timerAt = at;
    timer = setTimeout(poll, Math.max(0, at - now()));
    timer.unref();
  };
  const poll = (): void => {
    void lookAt([...sources.values()].filter((source) => source.dueAt() <= now())).finally(() => {
      const current = [...sources.values()].flatMap((source) => source.current() ?? []);
      shared = new Map(current.map((material) => [material.digest, material]));
      timerAt = Number.POSITIVE_INFINITY;
      for (const source of sources.values()) arm(source.dueAt());
    });
  };

  return {
    materialFor: async (settings) => {
      const source = sourceOf(settings);
      await source.look();
      arm(source.dueAt());
      const material = source.current();
      if (material === null) return failure(source.trouble() ?? NOT_READ);
      shared.set(material.digest, material);
      return success(material);
    },
    currentDigest: (settings) => sources.get(keyOf(settings))?.current()?.digest ?? null,
    health: (settings) => sources.get(keyOf(settings))?.health() ?? null,
    checkNow: async () => {
      await lookAt(sources.values());
      const changing = [...sources.values()].filter((source) => source.isChanging());
      if (changing.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
      await lookAt(changing);
    },
    forgetUnused: (inUse) => {
      const used = new Set([...inUse].map(keyOf));
      for (const key of sources.keys()) if (!used.has(key)) sources.delete(key);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** One after the other: thousands of sources must not fill the queue of the file system's threads. */
async function lookAt(sources: Iterable<MaterialSource>): Promise<void> {
  for (const source of sources) await source.look();
}

/** All that the material is made of. It may hold a passphrase, so it is never shown. */
function keyOfSettings(settings: TlsSettings): string {
  const { ca, cert, key, keyPassphrase, allowInsecureKey, minVersion } = settings;
  return JSON.stringify([ca, cert, key, keyPassphrase, allowInsecureKey, minVersion]);
}

const NOT_READ = failureOf('tls.own-material', 'the files of tls.cert, tls.key and tls.ca were not read');

const SILENT: MaterialEvents = {
  reloaded: () => {},
  rewritten: () => {},
  invalid: () => {},
  repaired: () => {},
  expiring: () => {},
  usable: () => {},
};
