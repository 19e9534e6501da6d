// What a process of the simulation is given: the world around it, and the machinery that it runs.

import type { Plan } from '../../src/core/registration/plan.ts';
import type { Rng } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Disk } from './disk.ts';
import type { Checker } from './invariants.ts';
import type { Link } from './link.ts';
import type { Machinery } from './machinery.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { Zone } from './zone.ts';

/** Points at which a process may be made to die. */
export type Moment = 'number-asked' | 'number-durable' | 'sent' | 'answered' | 'outcome';

export type ProcessContext = {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly link: Link;
  readonly disk: Disk;
  readonly trace: Trace;
  readonly checker: Checker;
  readonly machinery: Machinery;
  readonly plans: readonly Plan[];
  /** The secret files: by account, the password and how often it was written. */
  readonly secrets: ReadonlyMap<string, { readonly password: string; readonly version: number }>;
  readonly zone: Zone;
  readonly wall: () => Millis;
  /** How long the machine has slept since the world began. */
  readonly slept: () => Millis;
  readonly pacePerSecond: number;
  readonly reserveCount: number;
  /** Reached: the process may be killed here. */
  readonly reached: (moment: Moment) => void;
};
