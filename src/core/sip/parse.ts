// One datagram or one framed message as data (RFC 3261 §7, §18.3). Header values stay text: whoever needs one
// parses it. What a request must have is checked in mandatory.ts.

import type { Draft } from '../draft.ts';
import { failure, type Result } from '../result.ts';
import {
  declaredLength,
  decoded,
  endOfHead,
  type MessageError,
  messageError,
  parseHead,
  skipLineBreaks,
} from './head.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { NO_BODY, type SipMessage } from './message.ts';

/**
 * Parses `bytes` as one message. Octets beyond Content-Length are dropped; without one the body runs to the end
 * (RFC 3261 §18.3). Errors: SIP_PARSE_NOT_SIP, SIP_PARSE_START_LINE, SIP_PARSE_HEAD, SIP_PARSE_TOO_LARGE,
 * SIP_PARSE_CONTENT_LENGTH, SIP_PARSE_SHORT_BODY; the last two bring the head, to answer a request with 400.
 */
export function parseMessage(bytes: Uint8Array): Result<SipMessage, MessageError> {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    return failure(
      messageError('SIP_PARSE_TOO_LARGE', `the message is larger than ${MAX_MESSAGE_BYTES} bytes`),
    );
  }
  const text = decoded(bytes);
  const start = skipLineBreaks(bytes);
  const end = endOfHead(bytes, start, text);
  const headBytes = between(bytes, start, end === -1 ? bytes.length : end);
  const head = headBytes === bytes ? parseHead(bytes, text) : parseHead(headBytes);
  if (!head.ok) return head;
  const message: Draft<SipMessage> = head.value;
  if (end === -1) {
    return failure(messageError('SIP_PARSE_HEAD', 'no empty line ends the header fields', message));
  }
  const length = declaredLength(message);
  if (!length.ok) return length;
  const available = bytes.length - end;
  if (length.value !== null && length.value > available) {
    const why = `Content-Length is ${length.value}, but only ${available} bytes follow`;
    return failure(messageError('SIP_PARSE_SHORT_BODY', why, message));
  }
  if (available > 0) message.body = between(bytes, end, end + (length.value ?? available));
  return head;
}

/** A view of a part of `bytes`; of all of them, and of none, there is one already. */
function between(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end) return NO_BODY;
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
