// One datagram or one framed message as data (RFC 3261 §7, §18.3). Header values stay text: whoever needs one
// parses it. What a request must have is checked in mandatory.ts.

import { failure, type Result, success } from '../result.ts';
import {
  declaredLength,
  endOfHead,
  type MessageError,
  messageError,
  parseHead,
  skipLineBreaks,
} from './head.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import type { SipMessage } from './message.ts';

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
  const start = skipLineBreaks(bytes);
  const end = endOfHead(bytes, start);
  const head = parseHead(bytes.subarray(start, end === -1 ? bytes.length : end));
  if (!head.ok) return head;
  if (end === -1) {
    return failure(messageError('SIP_PARSE_HEAD', 'no empty line ends the header fields', head.value));
  }
  const length = declaredLength(head.value);
  if (!length.ok) return length;
  const available = bytes.length - end;
  if (length.value !== null && length.value > available) {
    const message = `Content-Length is ${length.value}, but only ${available} bytes follow`;
    return failure(messageError('SIP_PARSE_SHORT_BODY', message, head.value));
  }
  return success({ ...head.value, body: bytes.subarray(end, end + (length.value ?? available)) });
}
