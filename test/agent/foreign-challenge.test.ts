// Challenges and redirections that come from somebody who is no server of the account, with the branch and the tags of
// the REGISTER that they pretend to answer: no credentials are shown, and nobody is followed.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { responseTo } from '../interop/plain-server.ts';
import { openScene, PASSWORD, until, untilState } from './supervisor-scene.ts';

const CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5';
const REGISTRAR = '127.0.0.1';
const OTHER = '127.0.0.2';

async function socketAt(address: string): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, address);
  await once(socket, 'listening');
  onTestFinished(() => new Promise((resolve) => socket.close(() => resolve())));
  return socket;
}

/** A supervisor of alice, whose registrar leaves the first REGISTER to the one at OTHER, who says `line` and `header`. */
async function openStage(line: string, header: string, registrarHost = REGISTRAR) {
  const [socket, other] = [await socketAt(REGISTRAR), await socketAt(OTHER)];
  const requests: string[] = [];
  socket.on('message', (bytes, sender) => {
    const request = String(bytes);
    const isFirst = requests.push(request) === 1;
    const isProven = request.includes('\r\nAuthorization:');
    const contact = /^Contact: (.*)\r$/m.exec(request)?.[1] ?? '';
    const own = isProven
      ? responseTo(request, '200 OK', `Contact: ${contact};expires=60`)
      : responseTo(request, '401 Unauthorized', CHALLENGE);
    if (isFirst) other.send(responseTo(request, line, header), sender.port, sender.address);
    else socket.send(own, sender.port, sender.address);
  });
  const scene = await openScene(onTestFinished);
  await scene.write({
    alice: {
      aor: 'sip:alice@pbx.test',
      registrar: `sip:${registrarHost}`,
      outboundProxy: `sip:${REGISTRAR}:${socket.address().port};lr`,
      password: PASSWORD,
      transport: 'udp',
    },
  });
  const { supervisor, events } = await scene.supervise();
  const warnings = (): readonly string[] =>
    events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
  return { supervisor, warnings, requests };
}

const PROOF = '\r\nAuthorization: Digest username="alice", realm="pbx", nonce="n1"';

describe('what a stranger answers', () => {
  it.each([
    ['401 Unauthorized', CHALLENGE],
    ['407 Proxy Authentication Required', CHALLENGE.replace('WWW-', 'Proxy-')],
    ['302 Moved', `Contact: <sip:alice@${OTHER}:9>`],
  ])('%s is not followed, and is told; what the registrar says is', async (line, header) => {
    const { supervisor, warnings, requests } = await openStage(line, header);
    await until(
      () => warnings().length > 0,
      () => 'the stranger was told of',
    );
    const [status] = line.split(' ');
    expect(warnings()).toEqual([
      `a ${status} came from ${OTHER}, which is no address of the registrar: it is not followed`,
    ]);
    await untilState(supervisor, 'registered', 'alice');
    // The first, the same again for want of an answer, and the one that answers the registrar's own challenge.
    const [first = '', again, ...proven] = requests.filter(
      (request, at) => requests.indexOf(request) === at || at === 1,
    );
    expect(again).toBe(first);
    expect(first).not.toContain('Authorization:');
    expect(proven).toEqual([expect.stringContaining(PROOF)]);
  });

  it('is followed when it is another address of the registrar', async () => {
    const { supervisor, warnings, requests } = await openStage('401 Unauthorized', CHALLENGE, OTHER);
    await untilState(supervisor, 'registered', 'alice');
    expect(warnings()).toEqual([]);
    expect(requests).toHaveLength(2);
    expect(requests[1]).toContain(PROOF);
  });
});
