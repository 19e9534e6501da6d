// One set of certificate, key and CA on disk, watched for all accounts that name it. Each look compares the stamp, then
// the content, checks all three together and swaps one immutable object. What is half-written, mismatched, expired or
// unreadable changes nothing: the former material stays, and it is tried again soon (behaviour.md §19).

import type { ExpiryLevel } from '../../core/health/certificate-expiry.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { TextSource } from '../../core/text-source.ts';
import type { Millis } from '../../core/time.ts';
import { certificateExpiry } from './certificate-facts.ts';
import { digestOf, makeMaterial, partsOf, type TlsMaterial } from './material.ts';
import { type MaterialFiles, readMaterialFiles, stampOf } from './material-files.ts';
import {
  compareParts,
  type MaterialEvents,
  type MaterialHealth,
  type MaterialSubject,
} from './material-report.ts';
import type { MaterialSettings } from './settings.ts';

/** What a source takes from its surroundings. */
export type SourceContext = {
  /** Monotonic. */
  readonly now: () => Millis;
  readonly wallClock: () => Date;
  /** Reads the passphrase afresh; the error says in words which source it is and why. */
  readonly readSecret: (source: TextSource) => Promise<Result<string, string>>;
  readonly events: MaterialEvents;
  /** Material of the same content that another source has made already, if there is any. */
  readonly shared: (digest: string) => TlsMaterial | undefined;
};

export type MaterialSource = {
  /** Looks at the disk; who asks meanwhile gets the same look. Afterwards `current` and `trouble` are up to date. */
  readonly look: () => Promise<void>;
  /** What connections use now; null: there has never been anything that can be used. */
  readonly current: () => TlsMaterial | null;
  /** Why the files cannot be used as they are; null when they can. */
  readonly trouble: () => Failure | null;
  /** Somebody is writing: it is worth to look again in a moment. */
  readonly isChanging: () => boolean;
  readonly health: () => MaterialHealth | null;
  /** When to look next without being asked. */
  readonly dueAt: () => Millis;
};

type Kept = { readonly material: TlsMaterial; readonly since: Date };

/** The stamp of the last reading; `isSure`: a later change cannot have the same. */
type Seen = { readonly stamp: string; readonly isSure: boolean };

type Trouble = {
  readonly failure: Failure;
  readonly beganAt: Millis;
  readonly since: Date;
  readonly isTold: boolean;
};

/** Watches the files that `settings` name. */
export function watchSource(
  settings: MaterialSettings,
  subject: MaterialSubject,
  context: SourceContext,
): MaterialSource {
  const { now, wallClock, events } = context;
  let kept: Kept | null = null;
  let seen: Seen | null = null;
  let trouble: Trouble | null = null;
  let looking: Promise<void> | null = null;
  let lookedAt = now();
  let toldExpiry: { readonly sha256: string; readonly level: ExpiryLevel } | null = null;

  const failed = (why: Failure): void => {
    const begun = trouble ?? { beganAt: now(), since: wallClock(), isTold: false };
    const isLong = now() - begun.beganAt >= TELL_AFTER_MS;
    trouble = { ...begun, failure: why, isTold: begun.isTold || isLong };
    if (!isLong || begun.isTold) return;
    const since = begun.since.toISOString();
    events.invalid({ ...subject, failure: why, since, hasFormer: kept !== null });
  };
  const recovered = (): void => {
    const before = trouble;
    trouble = null;
    if (before?.isTold) events.repaired({ ...subject, since: before.since.toISOString() });
  };
  const take = (material: TlsMaterial): void => {
    const before = kept?.material ?? null;
    const wasUnusable = before === null && trouble !== null;
    kept = { material, since: wallClock() };
    recovered();
    if (wasUnusable) events.usable(subject);
    if (before === null) return;
    const { changed, unchanged } = compareParts(before.parts, material.parts);
    const certificates = { before: before.ownCertificate, after: material.ownCertificate };
    events.reloaded({ ...subject, ...certificates, changed, unchanged, warnings: material.warnings });
  };
  const lookNow = async (): Promise<void> => {
    const read = await readSettled(settings, { seen, trouble, kept, wallNow: wallClock().getTime() });
    if (!read.ok) {
      failed(read.error);
      return;
    }
    if (read.value === 'unchanged') return;
    const { files, ...found } = read.value;
    const parts = partsOf(files);
    const isSame = kept !== null && digestOf(parts, settings) === kept.material.digest;
    const made = isSame ? null : await makeOf(files, settings, context);
    if (made !== null && !made.ok) {
      failed(made.error);
      return;
    }
    const isRewritten = made === null && seen?.stamp !== found.stamp;
    seen = found;
    if (made !== null) {
      take(made.value);
      return;
    }
    recovered();
    if (isRewritten) events.rewritten(subject);
  };

  /** Tells once for each level that our certificate comes to. */
  const watchExpiry = (): void => {
    const own = kept?.material.ownCertificate ?? null;
    if (own === null) return;
    const { level, daysLeft } = certificateExpiry(own, wallClock());
    if (toldExpiry?.sha256 === own.sha256 && toldExpiry.level === level) return;
    toldExpiry = { sha256: own.sha256, level };
    if (level !== 'ok' && daysLeft !== null) events.expiring({ ...subject, level, own, daysLeft });
  };
  const look = async (): Promise<void> => {
    try {
      await lookNow();
    } finally {
      looking = null;
      lookedAt = now();
    }
    watchExpiry();
  };

  return {
    look: () => {
      looking ??= look();
      return looking;
    },
    current: () => kept?.material ?? null,
    trouble: () => trouble?.failure ?? null,
    isChanging: () => trouble?.failure.cause === CHANGING.cause,
    health: () => healthOf(kept, trouble),
    dueAt: () => (trouble === null ? lookedAt + POLL_MS : retryAt(trouble.beganAt, lookedAt)),
  };
}

/** After `beganAt` it is tried again after 1, 2, 5 and 10 s, then as often as anything is looked at. */
export function retryAt(beganAt: Millis, lookedAt: Millis): Millis {
  const next = RETRY_OFFSETS_MS.map((offset) => beganAt + offset).find((at) => at > lookedAt);
  return next ?? lookedAt + POLL_MS;
}

type Before = {
  readonly seen: Seen | null;
  readonly trouble: Trouble | null;
  readonly kept: Kept | null;
  readonly wallNow: number;
};

/** Reads all files unless nothing has changed; what changes meanwhile, or did a moment ago, is not taken. */
async function readSettled(
  settings: MaterialSettings,
  { seen, trouble, kept, wallNow }: Before,
): Promise<Result<'unchanged' | (Seen & { readonly files: MaterialFiles }), Failure>> {
  const stamp = await stampOf(settings);
  if (!stamp.ok) return stamp;
  const { text, changedAtMs } = stamp.value;
  if (trouble === null && seen?.isSure && seen.stamp === text) return success('unchanged');
  const age = wallNow - changedAtMs;
  // A chain that is being written in place can be cut between two certificates, where nobody sees that one is missing.
  const isFresh = age >= 0 && age < SETTLED_MS && kept !== null && seen?.stamp !== text;
  if (isFresh) return failure(CHANGING);
  const files = await readMaterialFiles(settings);
  if (!files.ok) return files;
  const after = await stampOf(settings);
  if (!after.ok) return after;
  if (after.value.text !== text) return failure(CHANGING);
  // The clocks of file systems tick slowly: a change soon after this reading could leave the same stamp.
  return success({ stamp: text, isSure: Math.abs(age) > SURE_MS, files: files.value });
}

async function makeOf(
  files: MaterialFiles,
  settings: MaterialSettings,
  { readSecret, wallClock, shared }: SourceContext,
): Promise<Result<TlsMaterial, Failure>> {
  const source = settings.keyPassphrase;
  const passphrase = source === null ? success(null) : await readSecret(source);
  return passphrase.ok
    ? makeMaterial(files, settings, wallClock(), { passphrase: passphrase.value, shared })
    : failure(failureOf('secret.unreadable', `tls.keyPassphrase: ${passphrase.error}`));
}

function healthOf(kept: Kept | null, trouble: Trouble | null): MaterialHealth | null {
  const own = kept?.material.ownCertificate ?? null;
  if (trouble !== null) {
    const { failure: why, since, isTold } = trouble;
    return { state: 'invalid', since: since.toISOString(), failure: why, isTold, own };
  }
  if (kept === null) return null;
  return { state: 'current', since: kept.since.toISOString(), failure: null, isTold: true, own };
}

const CHANGING = failureOf(
  'tls.own-material',
  'the files of tls.cert, tls.key or tls.ca are being written just now',
  { advice: 'nothing to do here; it is tried again' },
);

/** Everything is looked at so often without being asked. */
const POLL_MS: Millis = 30_000;
/** 1, 2, 5 and 10 s, one after the other. */
const RETRY_OFFSETS_MS: readonly Millis[] = [1_000, 3_000, 8_000, 18_000];
const TELL_AFTER_MS: Millis = 60_000;
/** Files that nobody has touched for so long are taken as complete. */
export const SETTLED_MS: Millis = 500;
/** Coarser than any file system's clock. */
const SURE_MS: Millis = 2_500;
