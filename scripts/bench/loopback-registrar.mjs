// The least that a registrar can be, for measurements: over UDP it challenges a REGISTER without credentials and accepts any
// other, echoing the Contact. It checks nothing, so that its own time does not count.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const echoed = /^(?:via|from|to|call-id|cseq|v|f|t|i):/i;

/** Starts on a free loopback port. */
export async function startLoopbackRegistrar() {
  const socket = createSocket('udp4');
  socket.on('message', (datagram, { address, port }) => {
    socket.send(answer(datagram.toString()), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, stop: () => socket.close() };
}

function answer(request) {
  const lines = request.split('\r\n');
  const common = lines
    .filter((line) => echoed.test(line))
    .map((line) => (/^(?:to|t):/i.test(line) ? `${line};tag=registrar` : line));
  const accepted = lines.some((line) => /^authorization:/i.test(line));
  const special = accepted
    ? lines.filter((line) => /^(?:contact|m):/i.test(line))
    : ['WWW-Authenticate: Digest realm="bench", nonce="0123456789abcdef", algorithm=MD5, qop="auth"'];
  const status = accepted ? '200 OK' : '401 Unauthorized';
  return [`SIP/2.0 ${status}`, ...common, ...special, 'Content-Length: 0', '\r\n'].join('\r\n');
}
