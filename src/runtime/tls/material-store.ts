// The TLS material of all accounts: read once, shared by all that name the same files, and read again when what lies
// on disk has changed. Thousands of accounts ask here at once, so they share one reading and one context.

import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { monotonicNow } from '../clock.ts';
import { digestOf, makeMaterial, type TlsMaterial } from './material.ts';
import { readMaterialFiles, stampOf } from './material-files.ts';
import type { MaterialSettings, TlsSettings } from './settings.ts';

export type MaterialStore = {
  /** The material of the settings as it lies on disk now, or why it cannot be used. */
  readonly materialFor: (settings: TlsSettings) => Promise<Result<TlsMaterial, Failure>>;
};

type Kept = { readonly stamp: string; readonly material: TlsMaterial; readonly checkedAt: number };
type Reading = Promise<Result<TlsMaterial, Failure>>;

export function createMaterialStore(): MaterialStore {
  const keptBySource = new Map<string, Kept>();
  const readings = new Map<string, Reading>();
  const materialByDigest = new Map<string, TlsMaterial>();

  const keep = (source: string, stamp: string, material: TlsMaterial): TlsMaterial => {
    const former = keptBySource.get(source);
    if (former !== undefined && former.material.digest !== material.digest) {
      materialByDigest.delete(former.material.digest);
    }
    materialByDigest.set(material.digest, material);
    keptBySource.set(source, { stamp, material, checkedAt: monotonicNow() });
    return material;
  };

  const readAfresh = async (source: string, settings: MaterialSettings): Reading => {
    const stamp = await stampOf(settings);
    if (!stamp.ok) return stamp;
    const kept = keptBySource.get(source);
    if (kept?.stamp === stamp.value) return success(keep(source, stamp.value, kept.material));
    const files = await readMaterialFiles(settings);
    if (!files.ok) return files;
    const stampAfter = await stampOf(settings);
    if (!stampAfter.ok) return stampAfter;
    if (stampAfter.value !== stamp.value) return failure(changedWhileRead());
    const shared = materialByDigest.get(digestOf(files.value, settings));
    const made = shared === undefined ? makeMaterial(files.value, settings, new Date()) : success(shared);
    return made.ok ? success(keep(source, stamp.value, made.value)) : made;
  };

  return {
    materialFor: (settings) => {
      const source = sourceOf(settings);
      const kept = keptBySource.get(source);
      if (kept !== undefined && monotonicNow() - kept.checkedAt < TRUSTED_MS) {
        return Promise.resolve(success(kept.material));
      }
      const running = readings.get(source);
      if (running !== undefined) return running;
      const reading = readAfresh(source, settings).finally(() => readings.delete(source));
      readings.set(source, reading);
      return reading;
    },
  };
}

function sourceOf({ ca, cert, key, keyPassphrase, minVersion }: TlsSettings): string {
  return JSON.stringify([ca, cert, key, keyPassphrase, minVersion]);
}

function changedWhileRead(): Failure {
  const cause = 'the files of tls.cert, tls.key or tls.ca were being changed while they were read';
  return failureOf('tls.own-material', cause, { advice: 'nothing to do here; it is tried again' });
}

/** For so long the disk is not asked again: many accounts that connect together look once. */
const TRUSTED_MS = 1_000;
