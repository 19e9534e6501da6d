// A lively agent for the status page: accounts in every state, a day of history, an exchange with its credentials dotted.

import type { RecentHistory, Uptime } from '../../../src/agent/history.ts';
import type { HistoryEntry } from '../../../src/agent/operations.ts';
import type { TraceMessage } from '../../../src/agent/trace/trace-ring.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../../src/core/health/snapshot.ts';
import { failureOf, type VerdictCode } from '../../../src/core/health/verdict.ts';
import { accountNamed } from '../control/fake-operations.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** RFC 3339, `ms` from now; the past is negative. */
export function isoIn(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}

export function failureIn(code: VerdictCode, cause: string, ms: number): FailureSnapshot {
  const { retryAfterSeconds, ...failure } = failureOf(code, cause);
  return { ...failure, retryAfter: retryAfterSeconds, at: isoIn(ms) };
}

/** A registered account whose times are around now. */
export function liveAccount(name: string, change: Partial<AccountSnapshot> = {}): AccountSnapshot {
  return accountNamed(name, {
    since: isoIn(-3 * HOUR - 12 * MINUTE),
    expires: { requested: 3600, granted: 300, source: 'contact', matchedBy: 'uri', at: isoIn(213_000) },
    nextAttempt: isoIn(171_000),
    public: { address: '203.0.113.5', port: 40112 },
    ...change,
  });
}

function tlsTo(days: number, expiry: 'ok' | 'warning' = 'ok'): AccountSnapshot['tls'] {
  return {
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    peer: {
      subject: 'pbx.example.com',
      issuer: 'Example CA 2',
      validFrom: isoIn((days - 90) * 24 * HOUR),
      validTo: isoIn(days * 24 * HOUR),
      sha256: 'ab'.repeat(32),
      daysLeft: days,
    },
    own: null,
    clientCertificateRequested: false,
    expiry,
    material: { state: 'current', since: null, cause: null },
  };
}

/** One of each kind. */
export function someAccounts(): readonly AccountSnapshot[] {
  const down = { expires: null, rtt: null, tls: null, public: null, bindings: [] };
  return [
    liveAccount('office', { tls: tlsTo(61) }),
    liveAccount('reception', { tls: tlsTo(12, 'warning'), rtt: 0.118, state: 'refreshing' }),
    liveAccount('trunk-berlin', {
      ...down,
      aor: 'sip:+49301234567@sip.carrier.example',
      registrar: 'sip:sip.carrier.example',
      state: 'waiting',
      since: isoIn(-4 * MINUTE),
      nextAttempt: isoIn(47_000),
      target: { transport: 'tls', host: 'sip.carrier.example', address: '198.51.100.20', port: 5061 },
      failure: failureIn('register.timeout', '198.51.100.20:5061 did not answer within 32 s', -40_000),
    }),
    liveAccount('fax', {
      ...down,
      state: 'blocked',
      since: isoIn(-2 * HOUR),
      nextAttempt: isoIn(4 * HOUR),
      failure: failureIn(
        'auth.rejected',
        '401 Unauthorized to the right nonce: user name or password is wrong',
        -2 * HOUR,
      ),
    }),
    liveAccount('warehouse', {
      target: { transport: 'udp', host: 'pbx.example.com', address: '192.0.2.7', port: 5060 },
      rtt: 0.021,
    }),
    liveAccount('door-phone', {
      target: { transport: 'tcp', host: 'pbx.example.com', address: '2001:db8::7', port: 5060 },
      rtt: 0.046,
    }),
    liveAccount('conference', {
      ...down,
      target: null,
      state: 'registering',
      since: isoIn(-2_000),
      nextAttempt: null,
    }),
    liveAccount('holiday-line', {
      ...down,
      target: null,
      state: 'paused',
      since: isoIn(-30 * HOUR),
      nextAttempt: null,
    }),
    liveAccount('lab', {
      ...down,
      target: null,
      state: 'disabled',
      since: isoIn(-50 * HOUR),
      nextAttempt: null,
    }),
  ];
}

type Span = RecentHistory['bar'][number];

/** Of that day. */
export const UPTIME: Uptime = {
  day: { ratio: 0.963889, up: 83_280, down: 3_120, resting: 0, unknown: 0 },
  week: { ratio: 0.99484, up: 601_680, down: 3_120, resting: 0, unknown: 0 },
};

/** A day with two outages, and a round trip every four minutes. */
export function aDay(): RecentHistory {
  const span = (fromMin: number, toMin: number | null, state: Span['state']): Span => ({
    from: isoIn(-fromMin * MINUTE),
    to: toMin === null ? null : isoIn(-toMin * MINUTE),
    state,
  });
  const roundTrips = Array.from({ length: 340 }, (_, at) => {
    const minutes = 24 * 60 - 4 * at;
    const isOut = (minutes > 610 && minutes < 655) || (minutes > 192 && minutes < 199);
    const seconds =
      0.032 + 0.012 * Math.sin(at / 17) + (at % 23 === 0 ? 0.05 : 0) + ((at * 7919) % 13) / 2_000;
    return isOut ? [] : [{ at: isoIn(-minutes * MINUTE), seconds }];
  }).flat();
  return {
    roundTrips,
    bar: [
      span(30 * 60, 655, 'registered'),
      span(655, 610, 'waiting'),
      span(610, 199, 'registered'),
      span(199, 193, 'waiting'),
      span(193, 192, 'registering'),
      span(192, null, 'registered'),
    ],
  };
}

export function someEvents(): readonly HistoryEntry[] {
  return [
    { time: isoIn(-199 * MINUTE), severity: 'info', text: 'refreshing → waiting' },
    {
      time: isoIn(-199 * MINUTE),
      severity: 'warning',
      text: 'register.timeout: 192.0.2.7:5061 did not answer within 32 s',
    },
    {
      time: isoIn(-196 * MINUTE),
      severity: 'error',
      text: 'connect.refused: 192.0.2.7:5061 refused the connection',
    },
    { time: isoIn(-193 * MINUTE), severity: 'info', text: 'waiting → registering' },
    { time: isoIn(-192 * MINUTE), severity: 'info', text: 'registering → registered' },
  ];
}

/** A challenge and its answer. */
export function anExchange(): readonly TraceMessage[] {
  // One clock for all: the page shows how far they are apart.
  const sentAt = Date.now() - 87_000;
  const after = (ms: number): string => new Date(sentAt + ms).toISOString();
  const flow = {
    type: 'message',
    account: 'office',
    transport: 'tls',
    local: { address: '192.0.2.50', port: 40112 },
    remote: { address: '192.0.2.7', port: 5061 },
  } as const;
  const request = (cseq: number, more: string): string =>
    `REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.50:40112;branch=z9hG4bK${cseq};rport\r\nMax-Forwards: 70\r\nFrom: <sip:office@pbx.example.com>;tag=5f0\r\nTo: <sip:office@pbx.example.com>\r\nCall-ID: 0123456789abcdef\r\nCSeq: ${cseq} REGISTER\r\nContact: <sip:office@203.0.113.5:40112;transport=tls>\r\nExpires: 3600\r\n${more}Content-Length: 0\r\n\r\n`;
  const answer = (cseq: number, line: string, more: string): string =>
    `SIP/2.0 ${line}\r\nVia: SIP/2.0/TLS 192.0.2.50:40112;branch=z9hG4bK${cseq};rport=40112;received=203.0.113.5\r\nFrom: <sip:office@pbx.example.com>;tag=5f0\r\nTo: <sip:office@pbx.example.com>;tag=9a1\r\nCall-ID: 0123456789abcdef\r\nCSeq: ${cseq} REGISTER\r\n${more}Content-Length: 0\r\n\r\n`;
  const digest =
    'Authorization: Digest username="office", realm="pbx.example.com", nonce="5f1…", uri="sip:pbx.example.com", response="…", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="…"\r\n';
  return [
    { time: after(0), direction: 'sent', ...flow, text: request(6, '') },
    {
      time: after(34),
      direction: 'received',
      ...flow,
      text: answer(
        6,
        '401 Unauthorized',
        'WWW-Authenticate: Digest realm="pbx.example.com", nonce="5f1…", algorithm=SHA-256, qop="auth"\r\n',
      ),
    },
    { time: after(36), direction: 'sent', ...flow, text: request(7, digest) },
    {
      time: after(70),
      direction: 'received',
      ...flow,
      text: answer(7, '200 OK', 'Contact: <sip:office@203.0.113.5:40112;transport=tls>;expires=300\r\n'),
    },
  ];
}
