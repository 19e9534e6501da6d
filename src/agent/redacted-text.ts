// A SIP message as it may be shown, whether it is still bytes or parsed already: as it went or came, without what proves
// a secret.

import { redactMessageText } from '../core/digest/redaction.ts';
import type { SipMessage } from '../core/sip/message.ts';

const DECODER = new TextDecoder();

export function redactedText(content: Uint8Array | SipMessage): string {
  return redactMessageText(content instanceof Uint8Array ? DECODER.decode(content) : textOf(content));
}

/** As it came, even where it could not be sent so. */
function textOf(message: SipMessage): string {
  const rows = message.headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  return `${startLineOf(message)}\r\n${rows}\r\n${DECODER.decode(message.body)}`;
}

function startLineOf(message: SipMessage): string {
  if (message.kind === 'request') return `${message.method} ${message.uri} ${message.version}`;
  return `${message.version} ${message.status} ${message.reason}`;
}
