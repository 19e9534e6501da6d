// From the NAPTR records of a domain to the SRV names that are worth a question (RFC 3263 §4.1, RFC 3403, RFC 7118
// §5.5): services that we speak, lowest order first, then lowest preference.

import { isSecure, type Transport } from '../sip/transport.ts';
import { dnsName, isDnsName, type NaptrRecord } from './question.ts';

const TRANSPORT_OF_SERVICE: Readonly<Record<string, Transport>> = {
  'SIP+D2U': 'udp',
  'SIP+D2T': 'tcp',
  'SIPS+D2T': 'tls',
  'SIP+D2W': 'ws',
  'SIPS+D2W': 'wss',
};

/** A NAPTR record that leads to an SRV name. */
export type NaptrChoice = {
  readonly transport: Transport;
  readonly srvName: string;
  readonly record: NaptrRecord;
};

/** More services than SIP has transports are not worth a question each. */
const MAX_CHOICES = 8;

/** The usable records, best first. `secure`: only services over TLS. */
export function naptrChoices(records: readonly NaptrRecord[], secure: boolean): readonly NaptrChoice[] {
  return [...records]
    .sort((a, b) => a.order - b.order || a.preference - b.preference)
    .flatMap((record) => {
      const choice = choiceOf(record);
      // RFC 3263 §4.1: a sips URI discards other services; a sip URI keeps those with SIPS.
      return choice === null || (secure && !isSecure(choice.transport)) ? [] : [choice];
    })
    .slice(0, MAX_CHOICES);
}

function choiceOf(record: NaptrRecord): NaptrChoice | null {
  const transport = TRANSPORT_OF_SERVICE[record.service.toUpperCase()];
  const srvName = dnsName(record.replacement);
  // RFC 3263 §4.1: the expression is empty, and the replacement (flag "s") is the name of the SRV records.
  const leadsToSrv = record.flags.toLowerCase() === 's' && record.regexp === '' && isDnsName(srvName);
  return transport === undefined || !leadsToSrv ? null : { transport, srvName, record };
}
