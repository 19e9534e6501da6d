// A server of a SIP domain on the way from names to addresses, and the targets that it becomes, with the records that
// led there, for those who ask why (`--dry-run`, `doctor`).

import type { Target, Transport } from '../sip/transport.ts';
import type { NaptrRecord, SrvRecord } from './question.ts';

/** What NAPTR and SRV end in; both null when the name itself is the server. */
export type Server = {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
  readonly naptr: NaptrRecord | null;
  readonly srv: NamedSrvRecord | null;
};

/** `name` is the one whose record it is, such as "_sip._udp.example.com". */
export type NamedSrvRecord = SrvRecord & { readonly name: string };

/** Which records led to a target; all null for an IP literal. */
export type Decision = {
  readonly naptr: NaptrRecord | null;
  readonly srv: NamedSrvRecord | null;
  readonly address: 'A' | 'AAAA' | null;
};

export type LocatedTarget = { readonly target: Target; readonly decision: Decision };
