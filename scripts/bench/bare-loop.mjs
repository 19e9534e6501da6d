// The limit of what a Node process can do: one socket, REGISTERs made of precomputed text, an answer found by its Via
// branch, the nonce cut out of it, the digest. No parser, no state, no retransmission: what registers so lapses at the
// first loss. `node bare-loop.mjs PORT ACCOUNTS EXPIRES` registers all, and refreshes each 45 s before its end.

import { hash } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [port, count, expires] = process.argv.slice(2).map(Number);
const realm = 'bench';
const password = 'bench-secret';
const uri = `sip:127.0.0.1:${port}`;
const ha2 = hash('md5', `REGISTER:${uri}`);
/** More would overflow the sockets' buffers. */
const outstandingAtMost = 128;
const refreshAfterMs = Math.max(expires / 2, expires - 45) * 1000;

/** By account: the CSeq that was used last, its nonce, how often that was used, when it is due. */
const cseqs = new Uint32Array(count);
const nonces = new Array(count).fill('');
const nonceCounts = new Uint32Array(count);
const dueAt = new Float64Array(count);
/** All have the same interval: who was registered first is due first. */
let registered = [];
let nextDue = 0;
let begun = 0;
let contactHost = '';

const socket = createSocket('udp4');
socket.bind(0, '127.0.0.1', () => {
  socket.setRecvBufferSize(4 * 2 ** 20);
  contactHost = `127.0.0.1:${socket.address().port}`;
  while (begun < Math.min(count, outstandingAtMost)) send(begun++);
  setInterval(refreshThoseDue, 10);
});

function send(account) {
  const user = `u${account}`;
  const cseq = ++cseqs[account];
  const text =
    `REGISTER ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${contactHost};rport;branch=z9hG4bK-${account}-${cseq}\r\n` +
    `Max-Forwards: 70\r\nFrom: <sip:${user}@127.0.0.1>;tag=t${account}\r\nTo: <sip:${user}@127.0.0.1>\r\n` +
    `Call-ID: ${account}@bare-loop\r\nCSeq: ${cseq} REGISTER\r\nContact: <sip:${user}@${contactHost}>;expires=${expires}\r\n` +
    `Expires: ${expires}\r\n${authorization(account, user, cseq)}User-Agent: bare-loop\r\nContent-Length: 0\r\n\r\n`;
  socket.send(Buffer.from(text, 'latin1'), port, '127.0.0.1');
}

function authorization(account, user, cseq) {
  const nonce = nonces[account];
  if (nonce === '') return '';
  const nc = (++nonceCounts[account]).toString(16).padStart(8, '0');
  const cnonce = `${account}${cseq}`;
  const ha1 = hash('md5', `${user}:${realm}:${password}`);
  const response = hash('md5', `${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`);
  return (
    `Authorization: Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", ` +
    `algorithm=MD5, cnonce="${cnonce}", qop=auth, nc=${nc}\r\n`
  );
}

socket.on('message', (datagram) => {
  const text = datagram.latin1Slice();
  const at = text.indexOf('branch=z9hG4bK-') + 15;
  const account = Number(text.slice(at, text.indexOf('-', at)));
  if (text.startsWith('401', 8)) {
    const from = text.indexOf('nonce="') + 7;
    nonces[account] = text.slice(from, text.indexOf('"', from));
    nonceCounts[account] = 0;
    send(account);
    return;
  }
  dueAt[account] = performance.now() + refreshAfterMs;
  registered.push(account);
  if (begun < count) send(begun++);
});

function refreshThoseDue() {
  const now = performance.now();
  while (nextDue < registered.length && dueAt[registered[nextDue]] <= now) send(registered[nextDue++]);
  if (nextDue > 50_000) {
    registered = registered.slice(nextDue);
    nextDue = 0;
  }
}
