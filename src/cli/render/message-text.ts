// SIP messages for -vv: who sent what to whom, credentials redacted.

import type { Observer } from '../../agent/observer.ts';
import { redactedText } from '../../agent/redacted-text.ts';
import { bracketed } from '../../core/sip/ip.ts';
import type { SocketAddress } from '../../core/sip/transport.ts';
import type { Output } from '../output.ts';

/** The part of an observer that shows messages when they are wanted. */
export function messageObserver(output: Output): Pick<Observer, 'message' | 'dropped'> {
  return {
    message:
      output.settings.verbosity < 2
        ? null
        : (direction, flow, _account, content) => {
            const arrow = direction === 'sent' ? '--->' : '<---';
            const head = `${arrow} ${flow.transport} ${addressText(flow.remote)} (from ${addressText(flow.local)})`;
            output.detail(2, `${output.errorTheme.strong(head)}\n${printableLines(redactedText(content))}`);
          },
    dropped: (flow, text) => output.detail(1, `dropped from ${addressText(flow.remote)}: ${text}`),
  };
}

function addressText({ address, port }: SocketAddress): string {
  return `${bracketed(address)}:${port}`;
}

/** Line ends as the terminal has them; other control characters would drive it. */
export function printableLines(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?');
}
