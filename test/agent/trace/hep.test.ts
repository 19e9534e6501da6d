import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HepSender, hepPacket } from '../../../src/agent/trace/hep.ts';
import { startHepMirror } from '../../../src/agent/trace/hep-mirror.ts';
import { createTraceRing, type TraceMessage, traceLimits } from '../../../src/agent/trace/trace-ring.ts';
import { BEGIN, noteIn, noteOf, OK, PROOF, type TraceNote } from './notes.ts';

const SENDER: HepSender = { id: 2001, node: 'edge-1', password: 'sésame' };

function messageOf(note: TraceNote): TraceMessage {
  const ring = createTraceRing(traceLimits(1));
  noteIn(ring, note);
  const [message] = ring.read([], 1);
  if (message === undefined) throw new Error('the ring has kept nothing');
  return message;
}

/** The chunks of a packet by type, each in hexadecimal; all of the vendor 0. */
function chunksOf(packet: Buffer): ReadonlyMap<number, string> {
  expect(packet.toString('latin1', 0, 4)).toBe('HEP3');
  expect(packet.readUInt16BE(4)).toBe(packet.length);
  const chunks = new Map<number, string>();
  for (let at = 6; at < packet.length; at += packet.readUInt16BE(at + 4)) {
    expect(packet.readUInt16BE(at)).toBe(0);
    chunks.set(packet.readUInt16BE(at + 2), packet.toString('hex', at + 6, at + packet.readUInt16BE(at + 4)));
  }
  return chunks;
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

describe('a HEPv3 packet', () => {
  it('is what was said, with its addresses, time and sender', () => {
    const message = messageOf(noteOf({ time: BEGIN + 34 }));
    const packet = hepPacket(message, SENDER);
    expect([...chunksOf(packet)]).toEqual([
      [1, '02'],
      [2, '11'],
      [3, 'c0000232'],
      [4, 'c0000207'],
      [7, '9cb0'],
      [8, '13c4'],
      // 1795255200 s and 34,000 µs.
      [9, '6b016ba0'],
      [10, '000084d0'],
      [11, '01'],
      [12, '000007d1'],
      [14, hex('sésame')],
      [19, hex('edge-1')],
      [15, hex(message.text)],
    ]);
    expect(packet.includes(PROOF)).toBe(false);
  });

  it('has IPv6, a stream, and the way that it came', () => {
    const note = noteOf({
      direction: 'received',
      transport: 'tls',
      local: { address: '2001:db8::50', port: 40_113 },
      remote: { address: '2001:db8:0:1::7', port: 5061 },
      text: OK,
    });
    const chunks = chunksOf(hepPacket(messageOf(note), { ...SENDER, node: null, password: null }));
    expect([...chunks.keys()]).toEqual([1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 15]);
    expect([...chunks.values()].slice(0, 6)).toEqual([
      ...['0a', '06', '20010db8000000010000000000000007', '20010db8000000000000000000000050'],
      ...['13c5', '9cb1'],
    ]);
  });

  it('fits into a datagram, and tells its own length', () => {
    for (const length of [0, 1_000, 200_000]) {
      const packet = hepPacket({ ...messageOf(noteOf()), text: 'é'.repeat(length) }, SENDER);
      expect(packet.length).toBeLessThan(65_508);
      expect(chunksOf(packet).size).toBe(13);
    }
  });

  it('has both addresses in one family', () => {
    const mixed = noteOf({ local: { address: '::1', port: 1 }, remote: { address: '192.0.2.7', port: 2 } });
    const packet = hepPacket(messageOf(mixed), SENDER);
    expect(packet.includes(Buffer.from('00000000000000000000ffffc0000207', 'hex'))).toBe(true);
  });
});

describe('the mirror', () => {
  let collector: Socket;
  let port: number;
  let heard: Buffer[];
  let warnings: string[];

  beforeEach(async () => {
    heard = [];
    warnings = [];
    collector = createSocket('udp4', (packet) => heard.push(packet));
    collector.bind(0, '127.0.0.1');
    await once(collector, 'listening');
    ({ port } = collector.address());
  });

  afterEach(() => {
    collector.close();
  });

  const warn = (text: string): void => {
    warnings.push(text);
  };

  it('sends what comes, also what came before the collector was found, redacted, until it is closed', async () => {
    const trace = createTraceRing(traceLimits(1));
    noteIn(trace, noteOf());
    const mirror = startHepMirror({ host: '127.0.0.1', port, sender: SENDER, trace, warn });
    noteIn(trace, noteOf());
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
    noteIn(trace, noteOf({ direction: 'received', text: OK }));
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(2);
    expect(heard[0]?.includes('response="…"')).toBe(true);
    expect(heard[0]?.includes(PROOF)).toBe(false);
    expect(heard[1]?.includes('SIP/2.0 200 OK')).toBe(true);
    mirror.close();
    noteIn(trace, noteOf());
    expect(warnings).toEqual([]);
  });

  it('tells once of a collector that is not there, and keeps no more than a few', async () => {
    collector.close();
    await once(collector, 'close');
    const trace = createTraceRing(traceLimits(1));
    const mirror = startHepMirror({ host: '127.0.0.1', port, sender: SENDER, trace, warn });
    await expect
      .poll(
        () => {
          for (let index = 0; index < 100; index += 1) noteIn(trace, noteOf());
          return warnings.length;
        },
        { timeout: 10_000 },
      )
      .toBe(1);
    for (let index = 0; index < 5_000; index += 1) noteIn(trace, noteOf());
    expect(warnings).toEqual([
      expect.stringMatching(
        /^the HEP collector at 127\.0\.0\.1:\d+ cannot be reached: nothing listens there \(ECONNREFUSED\); it is tried again every 30 s; messages lost so far: [1-9]/,
      ),
    ]);
    mirror.close();
    collector = createSocket('udp4');
  });

  it('tells of an address that there is no way to', async () => {
    const trace = createTraceRing(traceLimits(1));
    const mirror = startHepMirror({ host: '255.255.255.255', port, sender: SENDER, trace, warn });
    await expect.poll(() => warnings.length, { timeout: 20_000 }).toBe(1);
    expect(warnings[0]).toContain('cannot be reached: connect E');
    mirror.close();
  });

  it('tells of a name that nobody knows', async () => {
    const trace = createTraceRing(traceLimits(1));
    const mirror = startHepMirror({ host: 'collector.invalid', port, sender: SENDER, trace, warn });
    await expect.poll(() => warnings.length, { timeout: 20_000 }).toBe(1);
    expect(warnings[0]).toContain('collector.invalid');
    mirror.close();
  });
});
