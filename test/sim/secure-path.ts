// behaviour.md §12: after a TLS failure no unencrypted target is tried. Whoever can spoil a handshake must not bring the
// agent to speak in the open, neither in the same round nor in the next.

import type { Failure } from '../../src/core/health/verdict.ts';
import { isSecure, type Target } from '../../src/core/sip/transport.ts';
import type { SimAccount } from './sim-account.ts';
import { Violation } from './violation.ts';

export function createSecurePath() {
  /** Accounts whose handshake failed, until they are registered again. */
  const spoiled = new Map<string, string>();
  return {
    opening: ({ id }: SimAccount, { transport, address }: Target): void => {
      const failure = spoiled.get(id);
      if (failure === undefined || isSecure(transport)) return;
      const text = `${id} goes to ${address} over ${transport} after ${failure}`;
      throw new Violation('nothing goes in the open after TLS', text);
    },
    notOpened: ({ id }: SimAccount, { stage, cause }: Failure): void => {
      if (stage === 'tls') spoiled.set(id, cause);
    },
    registered: ({ id }: SimAccount): void => {
      spoiled.delete(id);
    },
    forget: (): void => spoiled.clear(),
  };
}
