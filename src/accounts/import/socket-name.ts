// The sockets of Kamailio and OpenSIPS, `udp:192.0.2.1:5060`: the address and transport to send from.

import type { AccountEntry } from '../schema.ts';
import { splitSocketAddress } from '../value-rules.ts';
import { transportNamed } from './server-address.ts';

type SocketKeys = {
  readonly keys: Pick<Partial<AccountEntry>, 'local' | 'transport'>;
  readonly notes: readonly string[];
};

/** `column` is its name there. The port is left behind: it is taken for as long as the other program runs. */
export function localSocket(text: string | undefined, column: string): SocketKeys {
  if (text === undefined) return { keys: {}, notes: [] };
  const colon = /^[a-z]+:/i.test(text) ? text.indexOf(':') : -1;
  const transport = transportNamed(text.slice(0, Math.max(colon, 0)));
  const parts = splitSocketAddress(text.slice(colon + 1));
  if (parts === null) {
    return {
      keys: {},
      notes: [`${column} = ${text} is left behind: give an address of this host as "local"`],
    };
  }
  const address = parts.address.includes(':') ? `[${parts.address}]` : parts.address;
  return {
    keys: { local: `${address}:0`, ...(transport && { transport }) },
    notes:
      parts.port === null
        ? []
        : [
            `the port of ${column} = ${text} is left behind: "local" can have it when nobody else listens there`,
          ],
  };
}
