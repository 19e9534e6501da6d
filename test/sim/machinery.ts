// The parts of the agent that a simulated world puts together. A seeded defect (defects.ts) takes the place of one of
// them; production code knows nothing of that.

import type { Admissions } from '../../src/agent/admission.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import { lifecycleWakeAt, stepLifecycle } from '../../src/core/registration/lifecycle.ts';
import type { Lifecycle } from '../../src/core/registration/lifecycle-state.ts';
import type { Rng } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Disk, DiskRecord, DiskRejection } from './disk.ts';

export type Machinery = {
  readonly step: typeof stepLifecycle;
  readonly wakeAt: typeof lifecycleWakeAt;
  /** The instant for which the shell sets the account's alarm. */
  readonly alarm: (lifecycle: Lifecycle, at: Millis | undefined) => Millis | undefined;
  readonly admit: (admissions: Admissions, account: ManagedRegistration, now: Millis) => Millis;
  /** When an account may begin that nobody has asked for yet: at the start, and after a suspend. */
  readonly first: (admissions: Admissions, registrar: string, now: Millis) => Millis;
  readonly reserve: (disk: Disk, ...wish: Parameters<Disk['reserve']>) => void;
  /** Keep-alives leave, as keepalive.ts wants them. */
  readonly sendsKeepalives: boolean;
  /** A flow that its keep-alive has found dead is given up. */
  readonly noticesLoss: boolean;
  /** Where the first STUN answer on a flow sees it come from is told to its accounts. */
  readonly noticesMapping: boolean;
  /** What was offered with TLS is tried first when DNS names it no more. */
  readonly remembersTls: boolean;
  /** What a new process knows of an account. */
  readonly recall: (record: DiskRecord | null, rng: Rng) => DiskRecord | null;
  /** What it leaves behind of rejected credentials. */
  readonly rejection: (rejected: DiskRejection) => DiskRejection | null;
};

/** As the agent is built. */
export const SOUND: Machinery = {
  step: stepLifecycle,
  wakeAt: lifecycleWakeAt,
  alarm: (_, at) => at,
  admit: (admissions, account, now) => admissions.admit(account, now),
  first: (admissions, registrar, now) => admissions.next(registrar, now),
  reserve: (disk, ...wish) => disk.reserve(...wish),
  sendsKeepalives: true,
  noticesLoss: true,
  noticesMapping: true,
  remembersTls: true,
  recall: (record) => record,
  rejection: (rejected) => rejected,
};
