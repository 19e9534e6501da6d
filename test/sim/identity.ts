// Numbers before they are used, and what a REGISTER left behind after it: src/agent/identity-keeping.ts on the simulated
// disk.

import { lastUsedOf } from '../../src/agent/identity-keeping.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Disk, Reserved } from './disk.ts';
import type { Machinery } from './machinery.ts';
import type { SimAccount } from './sim-account.ts';

type Surroundings = {
  readonly disk: Disk;
  readonly machinery: Machinery;
  readonly reserveCount: number;
  readonly monotonic: () => Millis;
  readonly wall: () => Millis;
};

export function createIdentities({ disk, machinery, reserveCount, monotonic, wall }: Surroundings) {
  return {
    reserve: (account: SimAccount, renewCallId: boolean, done: (reserved: Reserved) => void): void => {
      const { round } = account.lifecycle;
      const localPort = round?.phase.name === 'reserving' ? round.phase.place.flow.local.port : undefined;
      machinery.reserve(disk, account.id, { count: reserveCount, localPort, renewCallId }, done);
    },
    /** `ends`: the account works no more, and gives back the numbers that it did not use. */
    recordFacts: (account: SimAccount, ends: boolean): void => {
      const { reservation } = account;
      const { boundContact, flow, binding, identity } = account.lifecycle.registration;
      if (reservation === null || (!ends && boundContact === account.notedContact)) return;
      account.notedContact = boundContact;
      const facts = {
        contact: boundContact,
        grantedUntil: binding === null ? null : wall() + (binding.endsAt - monotonic()),
        ...(flow === null ? {} : { localPort: flow.local.port }),
      };
      if (ends) account.reservation = null;
      disk.settle(account.id, reservation, facts, ends ? lastUsedOf(reservation, identity) : null);
    },
  };
}
