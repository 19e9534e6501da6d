// What is asked of DNS, and what comes back: three kinds of "no" that mean different things to RFC 3263. Who is asked,
// and how, is the shell's business.

/** RFC 2782. */
export type SrvRecord = {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  /** Without a dot at its end; '' stands for ".": the service is not offered. */
  readonly target: string;
};

/** RFC 3403 §4.1. */
export type NaptrRecord = {
  readonly order: number;
  readonly preference: number;
  readonly flags: string;
  readonly service: string;
  readonly regexp: string;
  readonly replacement: string;
};

type RecordOf = {
  readonly NAPTR: NaptrRecord;
  readonly SRV: SrvRecord;
  /** IP literals. */
  readonly A: string;
  readonly AAAA: string;
};

export type QuestionType = keyof RecordOf;
export type Question = { readonly type: QuestionType; readonly name: string };

/** Nobody answered, or with an error: later it may be different (RFC 2308 §7 knows the same distinction). */
export type Unanswered = {
  readonly type: 'unanswered';
  readonly code: 'dns.timeout' | 'dns.failed';
  /** What the resolver called it, such as ESERVFAIL. */
  readonly reason: string;
};

/** No records: the name does not exist (NXDOMAIN), has none of that type (NODATA), or nobody knows. */
export type NoRecords = { readonly type: 'noSuchName' } | { readonly type: 'noSuchType' } | Unanswered;

export type Answer<T extends QuestionType = QuestionType> =
  /** `ttlSeconds` is that of the shortest-lived record; null when the resolver does not tell. */
  | {
      readonly type: 'records';
      readonly records: readonly RecordOf[T][];
      readonly ttlSeconds: number | null;
    }
  | NoRecords;

/** What is known so far, by type and name. */
export type Answers = { readonly [T in QuestionType]: ReadonlyMap<string, Answer<T>> };

/** A name as DNS compares it: in lower case and without the dot of the root. */
export function dnsName(text: string): string {
  const lower = text.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** RFC 1035 §2.3.4 and the characters of host and service names. Others do not come from an honest operator, and
 * they would reach log lines. */
export function isDnsName(text: string): boolean {
  return /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(text) && text.length <= 253;
}
