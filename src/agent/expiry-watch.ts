// Tells when a server's certificate is near its end (behaviour.md §21), once for each level and certificate. Our own
// certificates are watched where they are read.

import type { ExpiryLevel } from '../core/health/certificate-expiry.ts';
import { certificateExpiry } from '../runtime/tls/certificate-facts.ts';
import type { Flow } from '../runtime/transport/flow.ts';
import { formatAddress } from '../runtime/transport/system-error.ts';
import type { AgentEvent } from './events.ts';

export type ExpiryWatch = {
  readonly look: (now: Date) => void;
  readonly stop: () => void;
};

const LOOK_EVERY_MS = 60_000;

/** Looks at the certificates of the flows that are open at the time, until `stop`; keeps no process alive. */
export function watchPeerExpiry(
  flows: () => Iterable<Pick<Flow, 'tls' | 'remote'>>,
  emit: (event: AgentEvent) => void,
): ExpiryWatch {
  /** By fingerprint: the level that was told. Only of certificates that are in use. */
  let told = new Map<string, ExpiryLevel>();
  const look = (now: Date): void => {
    const seen = new Map<string, ExpiryLevel>();
    for (const { tls, remote } of flows()) {
      if (tls === null || seen.has(tls.peer.sha256)) continue;
      const { sha256, subject, issuer, validTo } = tls.peer;
      const { level, daysLeft } = certificateExpiry(tls.peer, now);
      seen.set(sha256, level);
      if (level === 'ok' || daysLeft === null || told.get(sha256) === level) continue;
      const when = daysLeft > 0 ? `expires in ${daysLeft} days, on ${validTo}` : `expired on ${validTo}`;
      const text = `the certificate of ${formatAddress(remote)} ("${subject}", issued by "${issuer}") ${when}: the provider has to renew it`;
      const severity = level === 'critical' ? 'error' : 'warning';
      const code = 'tls.peer-expiring';
      emit({ time: now.toISOString(), severity, type: 'warning', account: null, code, text });
    }
    told = seen;
  };
  const timer = setInterval(() => look(new Date()), LOOK_EVERY_MS);
  timer.unref();
  return { look, stop: () => clearInterval(timer) };
}
