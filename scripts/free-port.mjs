// Ports for servers that cannot be told "port 0", in tests and in the bench. The system chooses them; between here and the
// server's start another process could take one, so whoever starts a server on it looks whether that worked.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A loopback port that is free at this moment for UDP and for TCP. @returns {Promise<number>} */
export async function freePort() {
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

/** @param {number} port */
async function bindsUdp(port) {
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
