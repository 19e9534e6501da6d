// Ports for servers that cannot be told "port 0". The system chooses them; between here and the server's start another
// process could take one, so whoever starts a server on it looks whether that worked.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** A loopback port that is free at this moment for UDP and for TCP. */
export async function freePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const tcp = createServer();
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const address = tcp.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const udpToo = await bindsUdp(port);
    tcp.close();
    await once(tcp, 'close');
    if (udpToo) return port;
    if (attempt === 20) throw new Error('found no loopback port that is free for both UDP and TCP');
  }
}

/** Whether somebody has the IPv4 port open (for TCP: listens on it), without touching it. Linux only, as its tables are. */
export async function isListening(transport: 'udp' | 'tcp', port: number): Promise<boolean> {
  const listening = transport === 'udp' ? '07' : '0A';
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const table = await readFile(`/proc/net/${transport}`, 'utf8');
  return new RegExp(`:${local} [0-9A-F]+:[0-9A-F]+ ${listening} `).test(table);
}

async function bindsUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false; // the port is taken for UDP; the caller takes another
  } finally {
    socket.close();
  }
}
