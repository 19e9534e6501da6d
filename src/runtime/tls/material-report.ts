// What the material store tells of the files on disk: what was reloaded and what was not, what cannot be used and since
// when, what is well again, and which of our own certificates is near its end. No report holds a secret.

import type { ExpiryLevel } from '../../core/health/certificate-expiry.ts';
import type { Failure } from '../../core/health/verdict.ts';
import type { MaterialDigests, OwnCertificate } from './material.ts';
import type { MaterialSettings, TlsSettings } from './settings.ts';

/** The parts that settings have, in the order in which they are told. */
export type MaterialPart = 'certificate' | 'key' | 'CA';

/** Which files a report is about, and whose they are. */
export type MaterialSubject = {
  readonly files: Pick<MaterialSettings, 'ca' | 'cert' | 'key'>;
  /** Whether an account with these settings uses them. */
  readonly concerns: (settings: TlsSettings) => boolean;
};

export type ReloadedReport = MaterialSubject & {
  readonly changed: readonly MaterialPart[];
  readonly unchanged: readonly MaterialPart[];
  readonly before: OwnCertificate | null;
  readonly after: OwnCertificate | null;
  readonly warnings: readonly string[];
};

export type InvalidReport = MaterialSubject & {
  readonly failure: Failure;
  /** RFC 3339 UTC. */
  readonly since: string;
  /** Former material is still in use; without it no connection comes about. */
  readonly hasFormer: boolean;
};

/** After an `invalid`: the files can be used again, whether changed or as they were. */
export type RepairedReport = MaterialSubject & { readonly since: string };

export type ExpiringReport = MaterialSubject & {
  readonly level: Exclude<ExpiryLevel, 'ok'>;
  readonly own: OwnCertificate;
  /** Days, negative once it has expired. */
  readonly daysLeft: number;
};

export type MaterialEvents = {
  readonly reloaded: (report: ReloadedReport) => void;
  /** Files were written again, and hold what they held before. */
  readonly rewritten: (subject: MaterialSubject) => void;
  /** Once, when files have not been usable for a minute. */
  readonly invalid: (report: InvalidReport) => void;
  readonly repaired: (report: RepairedReport) => void;
  /** Once for each level that a certificate of ours comes to. */
  readonly expiring: (report: ExpiringReport) => void;
  /** Files that could not be used at first, and without which nobody could connect, can be used now. */
  readonly usable: (subject: MaterialSubject) => void;
};

/** How the files of an account stand. */
export type MaterialHealth = {
  readonly state: 'current' | 'invalid';
  /** Since when they are as they are: taken into use, or not usable. RFC 3339 UTC. */
  readonly since: string;
  /** Why they are invalid. */
  readonly failure: Failure | null;
  /** It has lasted long enough to be told. */
  readonly isTold: boolean;
  /** What is in use, as it was when last read. */
  readonly own: OwnCertificate | null;
};

/** Which parts differ; parts that neither has are in neither list. */
export function compareParts(
  before: MaterialDigests,
  after: MaterialDigests,
): Pick<ReloadedReport, 'changed' | 'unchanged'> {
  const parts = [
    ['certificate', before.certificate, after.certificate],
    ['key', before.key, after.key],
    ['CA', before.authorities, after.authorities],
  ] as const;
  const present = parts.filter(([, old, now]) => old !== null || now !== null);
  return {
    changed: present.filter(([, old, now]) => old !== now).map(([part]) => part),
    unchanged: present.filter(([, old, now]) => old === now).map(([part]) => part),
  };
}
