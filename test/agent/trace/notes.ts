// Messages for tests of the trace: a REGISTER with credentials, its answer, and notes of them.

import type { Traced } from '../../../src/agent/trace/share-queue.ts';
import type { TraceMessage, TraceRing } from '../../../src/agent/trace/trace-ring.ts';

export type TraceNote = Omit<TraceMessage, 'time' | 'type' | 'text'> & {
  readonly time: number;
  readonly bytes: Uint8Array;
};

const accounts = new WeakMap<TraceRing, Map<string, Traced>>();

/** Notes it in the ring; those of the same name are the same account. */
export function noteIn(ring: TraceRing, { time, direction, account: name, bytes, ...path }: TraceNote): void {
  const known = accounts.get(ring) ?? new Map<string, Traced>();
  accounts.set(ring, known);
  const account = name === null ? null : (known.get(name) ?? { name, share: null });
  if (account !== null && name !== null) known.set(name, account);
  ring.note(time, direction, path, account, bytes);
}

export const PROOF = '0123456789abcdef0123456789abcdef';

export const REGISTER = [
  'REGISTER sip:pbx.example.com SIP/2.0',
  'Via: SIP/2.0/UDP 192.0.2.50:40112;branch=z9hG4bK1;rport',
  'From: <sip:1008@pbx.example.com>;tag=a',
  'To: <sip:1008@pbx.example.com>',
  'Call-ID: 1',
  'CSeq: 7 REGISTER',
  'Contact: <sip:1008@192.0.2.50:40112>',
  `Authorization: Digest username="1008", realm="pbx", nonce="n", uri="sip:pbx.example.com", response="${PROOF}"`,
  'Max-Forwards: 70',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

export const OK = [
  'SIP/2.0 200 OK',
  'Via: SIP/2.0/UDP 192.0.2.50:40112;branch=z9hG4bK1;rport',
  'From: <sip:1008@pbx.example.com>;tag=a',
  'To: <sip:1008@pbx.example.com>;tag=b',
  'Call-ID: 1',
  'CSeq: 7 REGISTER',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

export const BEGIN = Date.parse('2026-11-21T10:00:00.000Z');

export function noteOf(
  change: Partial<Omit<TraceNote, 'bytes'>> & { readonly text?: string } = {},
): TraceNote {
  const { text = REGISTER, ...rest } = change;
  return {
    time: BEGIN,
    direction: 'sent',
    account: 'office',
    transport: 'udp',
    local: { address: '192.0.2.50', port: 40112 },
    remote: { address: '192.0.2.7', port: 5060 },
    bytes: Buffer.from(text),
    ...rest,
  };
}
