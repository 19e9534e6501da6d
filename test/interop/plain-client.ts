// A SIP client of a few lines, without sipreg's own code, so that the harness is tested by something else than what it tests.

import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { connect as connectTls } from 'node:tls';

type RegisterFields = {
  readonly transport?: 'UDP' | 'TCP' | 'TLS';
  readonly callId?: string;
  readonly cseq?: number;
  readonly expires?: number;
  readonly contact?: string;
  /** Of the Contact (RFC 5626), with an instance id; also says `Supported: path, outbound`. */
  readonly regId?: number;
  /** One more header field. */
  readonly extra?: string;
};

const INSTANCE = 'urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11';

/** A REGISTER of sip:alice@example.test. */
export function registerMessage(fields: RegisterFields = {}): string {
  const { transport = 'UDP', callId = 'call-1', cseq = 1, expires = 3600, extra } = fields;
  const { contact = 'sip:alice@127.0.0.1:5999', regId } = fields;
  const outbound = regId === undefined ? '' : `;reg-id=${regId};+sip.instance="<${INSTANCE}>"`;
  return [
    'REGISTER sip:example.test SIP/2.0',
    `Via: SIP/2.0/${transport} 127.0.0.1:5999;rport;branch=z9hG4bK${callId}${cseq}`,
    'Max-Forwards: 70',
    'From: <sip:alice@example.test>;tag=1',
    'To: <sip:alice@example.test>',
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} REGISTER`,
    `Contact: <${contact}>${outbound};expires=${expires}`,
    ...(regId === undefined ? [] : ['Supported: path, outbound']),
    `Expires: ${expires}`,
    ...(extra === undefined ? [] : [extra]),
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
}

/** The Authorization header field (RFC 7616, qop auth) that answers the value of a WWW-Authenticate. */
export function authorization(challenge: string, password: string, algorithm: 'MD5' | 'SHA-256'): string {
  const hash = (text: string): string =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  const parameter = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
  const realm = parameter('realm');
  const nonce = parameter('nonce');
  const uri = 'sip:example.test';
  const ha1 = hash(`alice:${realm}:${password}`);
  const response = hash(`${ha1}:${nonce}:00000001:cnonce:auth:${hash(`REGISTER:${uri}`)}`);
  return (
    `Authorization: Digest username="alice", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", ` +
    `algorithm=${algorithm}, qop=auth, nc=00000001, cnonce="cnonce"`
  );
}

/** Sends a message to a loopback port and resolves with the first answer; rejects after `waitMs`. */
export async function exchangeUdp(port: number, message: string, waitMs = 3000): Promise<string> {
  return (await exchangesUdp(port, [message], waitMs))[0] ?? '';
}

/** Sends each message when the one before it has its answer, all from one socket, and resolves with the answers. */
export async function exchangesUdp(
  port: number,
  messages: readonly string[],
  waitMs = 3000,
): Promise<readonly string[]> {
  const socket = createSocket('udp4');
  const answers: string[] = [];
  try {
    for (const message of messages) {
      socket.send(message, port, '127.0.0.1');
      const [datagram] = await once(socket, 'message', { signal: AbortSignal.timeout(waitMs) });
      answers.push(String(datagram));
    }
    return answers;
  } finally {
    socket.close();
  }
}

/** The same over a stream; TLS without looking at the server's certificate, and with our own in `identity`. */
export async function exchangeStream(
  port: number,
  message: string,
  transport: 'tcp' | 'tls',
  identity: { readonly cert?: string; readonly key?: string } = {},
): Promise<string> {
  const address = { host: '127.0.0.1', port };
  const socket =
    transport === 'tls'
      ? connectTls({ ...address, ...identity, rejectUnauthorized: false })
      : createConnection(address);
  try {
    await once(socket, transport === 'tls' ? 'secureConnect' : 'connect');
    socket.write(message);
    const [bytes] = await once(socket, 'data', { signal: AbortSignal.timeout(3000) });
    return String(bytes);
  } finally {
    socket.destroy();
  }
}

/** RFC 5389: asks a STUN server on a loopback UDP port where it sees the question come from, and from where it was sent. */
export async function stunMapping(port: number): Promise<{ readonly seen: number; readonly own: number }> {
  const socket = createSocket('udp4');
  try {
    socket.send(Buffer.from(STUN_BINDING_REQUEST, 'hex'), port, '127.0.0.1');
    const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(3000) });
    // §15.2: the port of XOR-MAPPED-ADDRESS, which here is the first attribute.
    const head = (answer as Buffer).toString('hex');
    if (!/^0101.{4}2112a4420{24}00200008/.test(head)) throw new Error(`no Binding success: ${head}`);
    return { seen: (answer as Buffer).readUInt16BE(26) ^ 0x2112, own: socket.address().port };
  } finally {
    socket.close();
  }
}

/** No attributes, and a transaction id of zeros. */
const STUN_BINDING_REQUEST = '000100002112a442000000000000000000000000';

/** The SHA-256 of the certificate that a TLS server on a loopback port shows, in lower-case hexadecimal. */
export async function certificateAt(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase();
  } finally {
    socket.destroy();
  }
}
