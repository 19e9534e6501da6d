// SIP messages for -vv: who sent what to whom, credentials redacted.

import type { Observer } from '../../agent/observer.ts';
import { redactedText } from '../../agent/redacted-text.ts';
import { printableLines } from '../../core/health/evidence.ts';
import { addressText } from '../../core/sip/ip.ts';
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
