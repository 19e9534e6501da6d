// What a reader of another program's configuration finds: accounts as ours, what of them could not be taken along, and
// entries that became none. Readers are pure: text comes in, a reading goes out; what they leave out they say.

import type { AccountEntry } from '../schema.ts';

/** A file of another program. */
export type ForeignFile = {
  /** As the user named it; `-` is stdin. */
  readonly path: string;
  readonly text: string;
  /** Others that it names (`#include`), relative to it; a pattern may name several. Those that should be there and cannot be
   * read are told by who reads files. */
  readonly include: (inclusion: Inclusion) => readonly ForeignFile[];
};

export type Inclusion = {
  readonly path: string;
  /** Where it is asked for. */
  readonly line: number;
  /** Whether it may be absent (`#tryinclude`). */
  readonly optional: boolean;
};

export type ForeignAccount = {
  /** The name that it has there, or that its user and registrar give; the importer makes it fit and unique. */
  readonly name: string;
  /** Where it begins. */
  readonly path: string;
  readonly line: number;
  readonly entry: AccountEntry;
  /** What was changed or left behind, each a sentence without its full stop and without secrets. */
  readonly notes: readonly string[];
};

/** Something that is no account of ours, and why. */
export type LeftOut = {
  readonly path: string;
  readonly line: number;
  /** What stands there, without secrets: `[mytrunk]`, `gateway asterlink.com`. */
  readonly what: string;
  readonly why: string;
};

export type ImportReading = {
  readonly accounts: readonly ForeignAccount[];
  readonly leftOut: readonly LeftOut[];
};

/** The kinds of files, for `--format`. Apart from the readers: the command line is there before them. */
export const FORMAT_IDS = [
  'asterisk-pjsip',
  'asterisk-sip',
  'freeswitch',
  'kamailio',
  'opensips',
  'baresip',
  'linphone',
  'resiprocate',
] as const;

/** A kind of file, and its reader. */
export type ImportFormat = {
  readonly id: (typeof FORMAT_IDS)[number];
  /** For people: `Asterisk, pjsip.conf`. */
  readonly title: string;
  /** Whether the file looks like one of this kind; at most one format says so of real files. */
  readonly recognises: (file: ForeignFile) => boolean;
  readonly read: (file: ForeignFile) => ImportReading;
};
