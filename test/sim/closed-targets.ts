// RFC 3261 §21.5.4: whoever answered 503 with a Retry-After is not gone to before it is over, whatever becomes of the other
// targets meanwhile; unless somebody asks for it by name, or ends the account.

import { headerValue } from '../../src/core/sip/headers.ts';
import type { SipResponse } from '../../src/core/sip/message.ts';
import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { SimAccount } from './sim-account.ts';
import { Violation } from './violation.ts';

type Clocks = { readonly now: () => Millis; readonly wall: () => Millis };
type Floor = { readonly untilWorld: Millis; readonly untilWall: Millis };

export function createClosedTargets({ now, wall }: Clocks) {
  const floors = new Map<string, Map<string, Floor>>();
  return {
    answered: ({ id, lifecycle }: SimAccount, { status, headers }: SipResponse): void => {
      const { target } = lifecycle.registration;
      const seconds = Number(headerValue(headers, 'Retry-After') ?? 0);
      if (status !== 503 || seconds === 0 || target === null) return;
      const own = floors.get(id) ?? new Map<string, Floor>();
      floors.set(id, own);
      const floor = { untilWorld: now() + seconds * 1000, untilWall: wall() + seconds * 1000 };
      own.set(keyOf(target), floor);
    },
    opening: ({ id }: SimAccount, target: Target): void => {
      const floor = floors.get(id)?.get(keyOf(target));
      if (floor === undefined || now() >= floor.untilWorld || wall() >= floor.untilWall) return;
      const text = `${id} goes to ${keyOf(target)} ${floor.untilWorld - now()} ms too early`;
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
