// TLS of one account, for `status ACCOUNT`: what was agreed, whose certificates until when, and how the files on disk
// stand. Names in certificates are strangers' words, and made printable here.

import { printable, printableUpTo } from '../../core/health/evidence.ts';
import type { CertificateSnapshot, TlsSnapshot } from '../../core/health/snapshot.ts';
import { timeText } from '../../runtime/local-time.ts';

type Row = readonly [label: string, text: string];

/** The rows; the first has the label, the others belong to it. */
export function tlsRows(tls: TlsSnapshot, now: Date): readonly Row[] {
  const { peer, own, expiry } = tls;
  const warning: readonly Row[] =
    expiry === 'ok' ? [] : [['', `${expiry}: a certificate is near its end, or past it`]];
  return [
    ['tls', `${tls.protocol} ${tls.cipher}`],
    ['', `peer ${printable(peer.subject)}`],
    ['', `issued by ${printable(peer.issuer)}, ${validText(peer)}`],
    // A fingerprint is no secret, though it looks like a digest response.
    ['', `SHA-256 ${printableUpTo(SHA256_DIGITS, peer.sha256)}`],
    ...(own === null ? [] : ownRows(own, tls.clientCertificateRequested)),
    ...warning,
    ...materialRows(tls, now),
  ];
}

function ownRows(own: NonNullable<TlsSnapshot['own']>, isAsked: boolean): readonly Row[] {
  const asked = isAsked ? 'the server asked for it' : 'the server did not ask for it';
  return [
    ['', `ours ${printable(own.subject)}, serial ${own.serial}, ${asked}`],
    ['', `${own.file}, ${validText(own)}`],
  ];
}

function materialRows({ own, material: { state, since, cause } }: TlsSnapshot, now: Date): readonly Row[] {
  const at = since === null ? '' : ` since ${timeText(since, now)}`;
  if (state === 'invalid') {
    return [
      ['', `the files on disk cannot be used${at}: ${printable(cause ?? '')}`],
      ['', FORMER],
    ];
  }
  if (state === 'renewed') {
    return [['', `renewed on disk${at}; this connection moves over at its next refresh`]];
  }
  return own === null || since === null ? [] : [['', `in use as it lies on disk${at}`]];
}

/** "valid to 2027-01-01T00:00:00Z (40.5 days)". */
function validText({ validTo, daysLeft }: CertificateSnapshot): string {
  if (daysLeft === null) return `valid to ${printable(validTo)}`;
  const left = daysLeft > 0 ? `${daysLeft} days left` : 'expired';
  return `valid to ${printable(validTo)} (${left})`;
}

const SHA256_DIGITS = 64;
const FORMER = 'the former ones stay in use';
