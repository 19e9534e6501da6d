// What Node's resolvers bring back, as answers of the core: records, and the errors of c-ares and getaddrinfo as the
// three kinds of "no". A resolver may send anything: numbers are checked and lists are cut.

import type dns from 'node:dns';
import type { Answer, NaptrRecord, NoRecords, SrvRecord } from '../../core/resolve/question.ts';

export type DnsError = NodeJS.ErrnoException;

type AddressRecord = { readonly address: string; readonly ttl: number };

/** More records of one name are not looked at. */
const MAX_RECORDS = 128;

/** Records as an answer; an empty list means that there are none of that type. */
export function addressAnswer(records: readonly AddressRecord[]): Answer<'A' | 'AAAA'> {
  const kept = records.slice(0, MAX_RECORDS);
  if (kept.length === 0) return { type: 'noSuchType' };
  const ttlSeconds = Math.min(...kept.map(({ ttl }) => ttl));
  return { type: 'records', records: kept.map(({ address }) => address), ttlSeconds };
}

/** Addresses of getaddrinfo, which tells no TTL. */
export function systemAddressAnswer(addresses: readonly string[]): Answer<'A' | 'AAAA'> {
  const records = [...new Set(addresses)].slice(0, MAX_RECORDS);
  return records.length === 0 ? { type: 'noSuchType' } : { type: 'records', records, ttlSeconds: null };
}

export function srvAnswer(records: readonly dns.SrvRecord[]): Answer<'SRV'> {
  const kept = records
    .slice(0, MAX_RECORDS)
    .map(({ name, port, priority, weight }): SrvRecord => ({ target: name, port, priority, weight }));
  return kept.length === 0 ? { type: 'noSuchType' } : { type: 'records', records: kept, ttlSeconds: null };
}

export function naptrAnswer(records: readonly dns.NaptrRecord[]): Answer<'NAPTR'> {
  const kept = records.slice(0, MAX_RECORDS).map(
    ({ order, preference, flags, service, regexp, replacement }): NaptrRecord => ({
      order,
      preference,
      flags,
      service,
      regexp,
      replacement,
    }),
  );
  return kept.length === 0 ? { type: 'noSuchType' } : { type: 'records', records: kept, ttlSeconds: null };
}

/** The answer that an error of a resolver is. */
export function answerOfError({ code, errno, message }: DnsError): NoRecords {
  // Node calls both outcomes of getaddrinfo ENOTFOUND; the number keeps them apart.
  if (code === 'ENODATA' || errno === EAI_NODATA) return { type: 'noSuchType' };
  // A name that DNS cannot even carry (RFC 1035 §2.3.4) does not exist either.
  if (code === 'ENOTFOUND' || code === 'EBADNAME') return { type: 'noSuchName' };
  const reason = code ?? message;
  return { type: 'unanswered', code: SILENCES.has(code) ? 'dns.timeout' : 'dns.failed', reason };
}

const EAI_NODATA = -3007;
/** Nobody answered; every other error is an answer of somebody. */
const SILENCES: ReadonlySet<string | undefined> = new Set([
  'ETIMEOUT',
  'ECONNREFUSED',
  'ECANCELLED',
  'EAI_AGAIN',
]);
