// Every kind of file that can be imported, for `account import`: by its id, or by the look of a file.

import { asteriskPjsip } from './asterisk-pjsip.ts';
import { asteriskSip } from './asterisk-sip.ts';
import { baresip } from './baresip.ts';
import { freeswitch } from './freeswitch.ts';
import { kamailio } from './kamailio.ts';
import { linphone } from './linphone.ts';
import { opensips } from './opensips.ts';
import type { ForeignFile, ImportFormat } from './reading.ts';
import { resiprocate } from './resiprocate.ts';

export const IMPORT_FORMATS: readonly ImportFormat[] = [
  asteriskPjsip,
  asteriskSip,
  freeswitch,
  kamailio,
  opensips,
  baresip,
  linphone,
  resiprocate,
];

/** The kinds that the file looks like: one, or the user has to say which. */
export function recognised(file: ForeignFile): readonly ImportFormat[] {
  return IMPORT_FORMATS.filter(({ recognises }) => recognises(file));
}
