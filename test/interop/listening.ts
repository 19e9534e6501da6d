// Whether a server listens yet, asked of the system and not of the server: who knocks is an event for it.

import { readFile } from 'node:fs/promises';

/** Whether somebody has the IPv4 port open (for TCP: listens on it), without touching it. Linux only, as its tables are. */
export async function isListening(transport: 'udp' | 'tcp', port: number): Promise<boolean> {
  const listening = transport === 'udp' ? '07' : '0A';
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const table = await readFile(`/proc/net/${transport}`, 'utf8');
  return new RegExp(`:${local} [0-9A-F]+:[0-9A-F]+ ${listening} `).test(table);
}
