// Answers as `sipreg doctor` gets them: a response with any header fields, on a flow of any local address.

import type { AnsweredRequest } from '../../../src/cli/doctor/probe.ts';
import { type HeaderField, NO_BODY, type SipResponse } from '../../../src/core/sip/message.ts';
import type { SocketAddress, Transport } from '../../../src/core/sip/transport.ts';

export const LOCAL: SocketAddress = { address: '192.168.1.5', port: 40112 };
export const AT = Date.parse('2026-11-21T12:00:00Z');
const BRANCH = 'z9hG4bKdoctor';

/** Header fields of the form "Name: value". */
export function fields(...rows: readonly string[]): readonly HeaderField[] {
  return rows.map((row) => ({
    name: row.slice(0, row.indexOf(':')),
    value: row.slice(row.indexOf(':') + 1).trim(),
  }));
}

export function response(status: number, ...rows: readonly string[]): SipResponse {
  return {
    kind: 'response',
    version: 'SIP/2.0',
    status,
    reason: 'Reason',
    headers: fields(...rows),
    body: NO_BODY,
  };
}

/** The answer to a request sent from LOCAL; `via` is what its Via says after the transport. */
export function answered(
  via = `192.168.1.5:40112;rport=40112;received=192.168.1.5`,
  rows: readonly string[] = [],
  transport: Transport = 'udp',
): AnsweredRequest {
  const nothing = (): void => {};
  return {
    response: response(200, `Via: SIP/2.0/UDP ${via};branch=${BRANCH}`, ...rows),
    branch: BRANCH,
    at: AT,
    flow: {
      id: 1,
      transport,
      local: LOCAL,
      remote: { address: '192.0.2.7', port: 5060 },
      tls: null,
      send: nothing,
      sendTo: nothing,
      close: nothing,
    },
  };
}
