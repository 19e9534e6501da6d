// RFC 3261 §21.5.4: whoever answered 503 with a Retry-After is not gone to before it is over, whatever becomes of the other
// targets meanwhile; unless somebody asks for it by name, or ends the account.

import { headerValue } from '../../src/core/sip/headers.ts';
import type { SipResponse } from '../../src/core/sip/message.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { SimAccount } from './sim-account.ts';
import { Violation } from './violation.ts';

type Clock = { readonly now: () => Millis };

export function createClosedTargets({ now }: Clock) {
  const floors = new Map<string, Map<string, Millis>>();
  return {
    answered: ({ id, lifecycle }: SimAccount, { status, headers }: SipResponse): void => {
      const { target } = lifecycle.registration;
      const seconds = Number(headerValue(headers, 'Retry-After') ?? 0);
      if (status !== 503 || seconds === 0 || target === null) return;
      const own = floors.get(id) ?? new Map<string, Millis>();
      floors.set(id, own);
      own.set(keyOf(target), now() + seconds * 1000);
    },
    opening: ({ id }: SimAccount, target: Target): void => {
      const floor = floors.get(id)?.get(keyOf(target));
      if (floor === undefined || now() >= floor) return;
      const text = `${id} goes to ${keyOf(target)} ${floor - now()} ms too early`;
      throw new Violation('a closed target is left alone', text);
    },
    /** Somebody wants a round now, or the binding removed. */
    asked: ({ id }: SimAccount): void => {
      floors.delete(id);
    },
    forget: (): void => floors.clear(),
  };
}

function keyOf({ transport, address, port }: Target): string {
  return `${transport} ${address} ${port}`;
}
