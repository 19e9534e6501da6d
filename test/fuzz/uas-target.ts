// What answers requests, as a target: whatever comes is answered with bytes that can be read, or not at all, and an answer
// is never much larger than what it answers.

import { ok } from 'node:assert/strict';
import { formatMessage } from '../../src/core/sip/format.ts';
import { checkRequest } from '../../src/core/sip/mandatory.ts';
import type { SipRequest } from '../../src/core/sip/message.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { mergeKey, transactionKey } from '../../src/core/transaction/matching.ts';
import { addressBook, addressee } from '../../src/core/uas/addressee.ts';
import { answerTo, answerToBroken } from '../../src/core/uas/answer.ts';
import { replyAddress } from '../../src/core/uas/reply-path.ts';
import { type Answer, responseOf } from '../../src/core/uas/response.ts';
import type { Target } from './target.ts';

const SOURCE = { address: '192.0.2.1', port: 5060 };
const ACCOUNTS = addressBook([
  { contactUsers: ['alice'], aor: 'sip:alice@example.com' },
  { contactUsers: ['bob', '%62ob2'], aor: 'sip:bob@example.com' },
]);
const CALLS = { status: 302, contact: 'sip:mailbox@example.com' };
/** What an answer has more than its request: status line, capabilities, a tag, `received`. */
const MOST_MORE = 700;

export const uas: Target = {
  name: 'uas',
  run: (bytes) => {
    const parsed = parseMessage(bytes);
    const message = parsed.ok ? parsed.value : parsed.error.head;
    if (message?.kind !== 'request') return;
    const answer = answerOf(message);
    if (answer === null) return;
    const sent = formatMessage(responseOf(message, SOURCE, answer, 'our-tag'));
    const again = parseMessage(sent);
    const isReadable = again.ok || again.error.code === 'SIP_PARSE_TOO_LARGE';
    ok(isReadable, 'an answer can be read');
    const most = bytes.length + MOST_MORE + 2 * notText(bytes);
    ok(sent.length <= most, `an answer of ${sent.length} bytes to ${bytes.length}`);
  },
};

/** How many bytes are no UTF-8, at most: each goes back as U+FFFD, which is three. */
function notText(bytes: Uint8Array): number {
  return new TextDecoder().decode(bytes).split('\ufffd').length - 1;
}

function answerOf(request: SipRequest): Answer | null {
  const check = checkRequest(request);
  if (!check.ok) return answerToBroken(request, check.error);
  if (request.method === 'ACK') return null;
  const { via, to } = check.value;
  const { port } = replyAddress(via, SOURCE);
  ok(port > 0 && port < 65_536, 'an answer has somewhere to go');
  transactionKey(request, check.value);
  mergeKey(check.value);
  const isMeant = addressee(ACCOUNTS, request.uri, to) !== null;
  const answers = isMeant ? new Map([['INVITE', CALLS]]) : null;
  return answerTo(request, check.value, { answers, isMerged: false });
}
