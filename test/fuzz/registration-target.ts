// The registration machine as a target: it registers, and every REGISTER is answered by a spoiled message that looks as if
// it belonged to it. Whatever it says, nothing throws, a round ends in a bounded number of requests, none of them is
// larger than its bound, and CSeq rises.

import { ok } from 'node:assert/strict';
import { describe } from '../../src/core/registration/describe.ts';
import type { Rng } from '../../src/core/rng.ts';
import type { HeaderField, SipResponse } from '../../src/core/sip/message.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import {
  onward,
  responseReceived,
  type Script,
  type SeenRequest,
  script,
} from '../core/registration/script.ts';
import type { Target } from './target.ts';

/** Requests of one round: challenges, raised intervals, redirections and what they lead to (round-answers.ts). */
const MOST_IN_A_ROUND = 40;
const MOST_ROUNDS = 2;
/** A REGISTER of ours with all that a response may have us echo. */
const LARGEST_REQUEST = 120_000;
/** A cause with the words of the registrar in it. */
const LONGEST_TEXT = 1_500;

/** What a response needs to belong to a request; all else is as it came. */
const OURS = new Set(['Via', 'From', 'To', 'Call-ID', 'CSeq']);

export const registration: Target = {
  name: 'registration',
  run: (bytes, rng) => {
    const parsed = parseMessage(bytes);
    const message = parsed.ok ? parsed.value : parsed.error.head;
    if (message === null) return;
    const status = message.kind === 'response' ? message.status : statusOf(rng);
    const line = script({ seed: Math.floor(rng.unit() * 0x1_0000_0000) });
    line.begin();
    for (let round = 0; round < MOST_ROUNDS; round++) {
      playRound(line, (request, nth) => {
        const reason = message.kind === 'response' ? message.reason : 'Reason';
        // The same answer again and again, but for its nonces: a server that never has enough.
        const headers = message.headers.map((header) => freshNonce(header, nth));
        return responseTo(request, { status, reason, headers, body: message.body });
      });
      const snapshot = describe([line.lifecycle()], (at) => String(at));
      ok(!isUnprintable(JSON.stringify(snapshot)), 'what is told is printable');
      onward(line);
    }
    checkRequests(line.sent);
    checkWords(line);
  },
};

const STATUSES = [
  100, 180, 200, 202, 299, 300, 302, 305, 380, 400, 401, 403, 404, 407, 408, 420, 421, 423, 430, 439,
];

function statusOf(rng: Rng): number {
  const all = [...STATUSES, 480, 494, 500, 501, 503, 504, 513, 600, 603, 699];
  return all[Math.floor(rng.unit() * all.length)] ?? 200;
}

function playRound(line: Script, answerTo: (request: SeenRequest, nth: number) => SipResponse): void {
  const before = line.sent.length;
  for (let answered = before; line.lifecycle().round !== null && answered < line.sent.length; answered++) {
    const request = line.sent[answered];
    ok(line.sent.length - before <= MOST_IN_A_ROUND, 'no REGISTER storm');
    if (request !== undefined) line.step(responseReceived(answerTo(request, answered)));
  }
  // What waits for a final answer gets none: the round ends by its time.
  for (let alarms = 0; line.lifecycle().round !== null; alarms++) {
    ok(alarms < 200, 'a round ends');
    onward(line);
  }
  ok(line.sent.length - before <= MOST_IN_A_ROUND, 'no REGISTER storm');
}

function responseTo(
  { rows }: SeenRequest,
  { status, reason, headers, body }: Pick<SipResponse, 'status' | 'reason' | 'headers' | 'body'>,
): SipResponse {
  const own = [...OURS].flatMap((name) => rows(name).map((value): HeaderField => ({ name, value })));
  const foreign = headers.filter(({ name }) => !OURS.has(name));
  return { kind: 'response', version: 'SIP/2.0', status, reason, headers: [...own, ...foreign], body };
}

function freshNonce({ name, value }: HeaderField, nth: number): HeaderField {
  return { name, value: value.replace(/nonce="/g, `nonce="${nth}`) };
}

function checkRequests(sent: readonly SeenRequest[]): void {
  const latest = new Map<string, number>();
  for (const { text, cseq, row } of sent) {
    ok(text.length <= LARGEST_REQUEST, `a REGISTER of ${text.length} characters`);
    const callId = row('Call-ID');
    ok(cseq > (latest.get(callId) ?? 0), 'CSeq rises');
    latest.set(callId, cseq);
  }
}

/** What the log and the terminal get. */
function checkWords(line: Script): void {
  const failures = line.outcomes.flatMap((outcome) =>
    outcome.type === 'failed' ? [outcome.failure.cause] : [],
  );
  for (const text of [...line.warnings(), ...failures]) {
    ok(text.length <= LONGEST_TEXT, `a text of ${text.length} characters`);
    ok(!isUnprintable(JSON.stringify(text)), 'what is told is printable');
  }
}

/** JSON escapes the controls of C0; the others stand in it as they are. */
function isUnprintable(json: string): boolean {
  return /\\u00[01]|\\[bfnrt]|[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/.test(json);
}
