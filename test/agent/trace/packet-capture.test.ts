import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packetCapture } from '../../../src/agent/trace/packet-capture.ts';
import { createTraceRing, traceLimits } from '../../../src/agent/trace/trace-ring.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';
import { BEGIN, noteIn, noteOf, OK, PROOF, REGISTER, type TraceNote } from './notes.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sipreg-capture-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function captureOf(notes: readonly TraceNote[]): Buffer {
  const ring = createTraceRing(traceLimits(10));
  for (const note of notes) noteIn(ring, note);
  return packetCapture([...ring.read([], 1_000)]);
}

/** The fields of every frame, as tshark reads the file with all its checks on. */
function dissect(notes: readonly TraceNote[], ...fields: readonly string[]): readonly (readonly string[])[] {
  const file = join(folder, 'trace.pcapng');
  writeFileSync(file, captureOf(notes));
  const checks = ['ip.check_checksum', 'udp.check_checksum', 'tcp.check_checksum'];
  const args = [
    ...['-r', file, '-T', 'fields', '-E', 'separator=|'],
    ...checks.flatMap((check) => ['-o', `${check}:TRUE`]),
    ...fields.flatMap((field) => ['-e', field]),
  ];
  const text = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('|'));
}

describe.skipIf(!isInstalled('tshark'))(`a capture file${missingPrograms('tshark')}`, () => {
  it('is read by tshark as SIP over UDP, with the real addresses and times', () => {
    const notes = [noteOf(), noteOf({ time: BEGIN + 34, direction: 'received', text: OK })];
    const fields = ['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport', 'sip.Method', 'sip.Status-Code'];
    expect(dissect(notes, ...fields, 'frame.time_epoch', 'frame.comment')).toEqual([
      [
        ...['192.0.2.50', '40112', '192.0.2.7', '5060', 'REGISTER', ''],
        ...['1795255200.000000000', 'sipreg office; credentials redacted'],
      ],
      [
        ...['192.0.2.7', '5060', '192.0.2.50', '40112', '', '200'],
        ...['1795255200.034000000', 'sipreg office; credentials redacted'],
      ],
    ]);
    expect(dissect(notes, 'ip.checksum.status', 'udp.checksum.status')).toEqual([
      ['1', '1'],
      ['1', '1'],
    ]);
    expect(captureOf(notes).includes(PROOF)).toBe(false);
  });

  it('has IPv6, and streams whose messages follow each other, on any port', () => {
    const stream = {
      transport: 'tcp',
      local: { address: '2001:db8::50', port: 40113 },
      remote: { address: '2001:db8:0:1::7', port: 5066 },
    } as const;
    const notes = [
      noteOf(stream),
      noteOf({ ...stream, direction: 'received', text: OK }),
      noteOf(stream),
      noteOf({ ...stream, direction: 'received', text: OK }),
    ];
    const frames = dissect(notes, 'ipv6.src', 'ipv6.dst', 'tcp.checksum.status', 'sip.CSeq', '_ws.expert');
    expect(frames).toEqual([
      ['2001:db8::50', '2001:db8:0:1::7', '1', '7 REGISTER', expect.any(String)],
      ['2001:db8:0:1::7', '2001:db8::50', '1', '7 REGISTER', expect.any(String)],
      ['2001:db8::50', '2001:db8:0:1::7', '1', '7 REGISTER', expect.any(String)],
      ['2001:db8:0:1::7', '2001:db8::50', '1', '7 REGISTER', expect.any(String)],
    ]);
    for (const [lost, again] of dissect(notes, 'tcp.analysis.lost_segment', 'tcp.analysis.retransmission')) {
      expect([lost, again]).toEqual(['', '']);
    }
  });

  it('says of what was encrypted that it was', () => {
    const notes = [
      noteOf({ transport: 'tls', remote: { address: '192.0.2.7', port: 5061 } }),
      noteOf({ transport: 'wss', account: null, remote: { address: '192.0.2.7', port: 443 } }),
    ];
    expect(dissect(notes, 'frame.comment').map(([comment]) => comment)).toEqual([
      'sipreg office, TLS: contents as sipreg saw them; credentials redacted',
      'sipreg, WebSocket over TLS: contents as sipreg saw them; credentials redacted',
    ]);
    expect(dissect(notes.slice(0, 1), 'sip.Method', 'tcp.dstport')).toEqual([['REGISTER', '5061']]);
  });

  it('takes long messages, in several packets of a stream', () => {
    const body = 'x'.repeat(100_000);
    const head = REGISTER.replace(
      'Content-Length: 0',
      `Content-Type: text/plain\r\nContent-Length: ${body.length}`,
    );
    const notes = [noteOf({ transport: 'tcp', text: head + body }), noteOf({ text: head + body })];
    const frames = dissect(notes, 'sip.Method', 'sip.msg_body', 'ip.len', '_ws.malformed');
    expect(frames.map((frame) => frame[3])).toEqual(['', '', '']);
    expect(frames.map((frame) => frame[0]).filter((method) => method === 'REGISTER').length).toBeGreaterThan(
      0,
    );
  });
});

describe('a capture file without messages', () => {
  it('is whole', () => {
    expect(captureOf([]).length).toBe(28 + 20);
  });
});
