// A TLS flow as `status` shows it: what was agreed, both sides' certificates with the days they have left, and how the
// files on disk stand. Made when the flow opens, and brought up to date whenever somebody looks.

import { worseLevel } from '../../core/health/certificate-expiry.ts';
import type { TlsSnapshot } from '../../core/health/snapshot.ts';
import { certificateExpiry } from './certificate-facts.ts';
import type { HandshakeFacts } from './diagnosis.ts';
import type { MaterialHealth } from './material-report.ts';

/** The snapshot of a handshake that is complete; its files were current a moment ago. */
export function snapshotOfSession(
  { session, chain, ownCertificate }: HandshakeFacts,
  now: Date,
): TlsSnapshot {
  const leaf = chain[0];
  const peer = {
    subject: leaf?.subject ?? '',
    issuer: leaf?.issuer ?? '',
    validFrom: leaf?.validFrom ?? '',
    validTo: leaf?.validTo ?? '',
    sha256: leaf?.sha256 ?? '',
    daysLeft: null,
  };
  const snapshot: TlsSnapshot = {
    protocol: session?.protocol ?? 'unknown',
    cipher: session?.cipher ?? 'unknown',
    peer,
    own: ownCertificate === null ? null : { ...ownCertificate, daysLeft: null },
    clientCertificateRequested: session?.clientCertificateRequested ?? false,
    expiry: 'ok',
    material: { state: 'current', since: null, cause: null },
  };
  return atPresent(snapshot, null, now);
}

/** The same flow as it is at `now`; `health` is that of its account's files, null when nobody watches them. */
export function atPresent(tls: TlsSnapshot, health: MaterialHealth | null, now: Date): TlsSnapshot {
  const peer = certificateExpiry(tls.peer, now);
  const own = tls.own === null ? null : certificateExpiry(tls.own, now);
  return {
    ...tls,
    peer: { ...tls.peer, daysLeft: peer.daysLeft },
    own: tls.own === null ? null : { ...tls.own, daysLeft: own?.daysLeft ?? null },
    expiry: own === null ? peer.level : worseLevel(peer.level, own.level),
    material: health === null ? tls.material : materialOf(tls, health),
  };
}

function materialOf(
  tls: TlsSnapshot,
  { state, since, failure, own }: MaterialHealth,
): TlsSnapshot['material'] {
  const isRenewed = state === 'current' && own?.sha256 !== tls.own?.sha256;
  return { state: isRenewed ? 'renewed' : state, since, cause: failure?.cause ?? null };
}
