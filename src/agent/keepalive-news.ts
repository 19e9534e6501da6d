// What the keep-alive of a flow did, in words for the log and the followers.

import type { KeepaliveEffect } from '../core/keepalive/keepalive.ts';
import { addressText } from '../core/sip/ip.ts';
import type { Severity } from './events.ts';

/** What an AgentEvent of type `keepalive` says, but for whose flow it is. */
export type KeepaliveNews = { readonly severity: Severity; readonly code: string; readonly text: string };

/** `isWarning`: that nothing answered is worth a warning. */
export function newsOfKeepalive(
  effect: Exclude<KeepaliveEffect, { type: 'makeOptions' }>,
  isWarning: boolean,
): KeepaliveNews {
  switch (effect.type) {
    case 'send': {
      const again = effect.repeated ? ', again' : '';
      return { severity: 'debug', code: 'sent', text: `${METHODS[effect.method]}${again}` };
    }
    case 'answered': {
      const text = `${METHODS[effect.method]}, after ${Math.round(effect.roundTripMs)} ms`;
      return { severity: 'debug', code: 'answered', text };
    }
    case 'mapped': {
      return {
        severity: 'debug',
        code: 'mapped',
        text: `the public address is ${addressText(effect.address)}`,
      };
    }
    case 'unanswered': {
      const text = `${effect.cause}; none was promised, so the connection is kept`;
      return { severity: isWarning ? 'warning' : 'debug', code: 'unanswered', text };
    }
    case 'failed':
      return { severity: 'warning', code: effect.failure.code, text: effect.failure.cause };
  }
}

/** RFC 5626 §4.4.1, §4.4.2: what becomes of `keepalive.method` "stun" on a stream. */
export const STUN_ON_STREAM =
  'keepalive.method is "stun", which is for UDP only (RFC 5626): CRLF pings keep its connection open instead';

const METHODS = {
  ping: 'a CRLF ping',
  datagram: 'a CRLF datagram, which nobody answers',
  stun: 'a STUN request',
  options: 'an OPTIONS request',
} as const;
