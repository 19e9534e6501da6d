import { describe, expect, it } from 'vitest';
import { createTraceRing, traceLimits } from '../../../src/agent/trace/trace-ring.ts';
import { ladderText } from '../../../src/cli/render/ladder.ts';
import { traceText } from '../../../src/cli/render/trace-text.ts';
import { BEGIN, noteIn, noteOf, OK, PROOF, type TraceNote } from '../../agent/trace/notes.ts';

const asItIs = (text: string): string => text;
const PLAIN = { good: asItIs, bad: asItIs, caution: asItIs, strong: asItIs, faint: asItIs };

function messagesOf(...notes: readonly TraceNote[]) {
  const ring = createTraceRing(traceLimits(10));
  for (const note of notes) noteIn(ring, note);
  return [...ring.read([], 1_000)];
}

describe('the ladder', () => {
  it('has an arrow for each message, under the addresses of both sides', () => {
    const refusal = OK.replace('200 OK', '401 Unauthorized');
    const other = {
      account: 'lab',
      transport: 'tls',
      remote: { address: '2001:db8::7', port: 5061 },
    } as const;
    const text = ladderText(
      messagesOf(
        noteOf(),
        noteOf({ time: BEGIN + 34, direction: 'received', text: refusal }),
        noteOf({ ...other, time: BEGIN + 1_040 }),
      ),
      PLAIN,
      new Date(BEGIN),
    );
    const lines = text.split('\n').map((line) => line.replace(/^(\d\d-){0,2}.*?(?=\d\d:\d\d:\d\d)/, ''));
    expect(lines).toEqual([
      'office                    192.0.2.50:40112              udp 192.0.2.7:5060',
      expect.stringMatching(/:00\.000 +│ ── REGISTER \(7\) ─+▶ │$/),
      expect.stringMatching(/:00\.034 \+34 ms +│ ◀─+ 401 Unauthorized \(7 REGISTER\) ── │$/),
      '',
      'lab                       192.0.2.50:40112          tls [2001:db8::7]:5061',
      expect.stringMatching(/:01\.040 \+1006 ms +│ ── REGISTER \(7\) ─+▶ │$/),
    ]);
    const rails = text.split('\n').filter((line) => line.includes('│'));
    expect(new Set(rails.map((line) => line.indexOf('│'))).size).toBe(1);
    expect(new Set(rails.map((line) => line.lastIndexOf('│'))).size).toBe(1);
  });

  it('keeps its rails in line where the messages are of another day', () => {
    const messages = messagesOf(noteOf(), noteOf({ time: BEGIN + 34, direction: 'received', text: OK }));
    const rails = ladderText(messages, PLAIN, new Date(BEGIN + 86_400_000 * 2))
      .split('\n')
      .slice(1);
    expect(rails[1]).toMatch(/^2026-11-2\d \d\d:00:00\.034 \+34 ms │/);
    expect(new Set(rails.map((line) => line.indexOf('│'))).size).toBe(1);
  });

  it('keeps its lane whatever a registrar calls it, and drives no terminal', () => {
    const text = OK.replace('200 OK', `200 ${'\u001b[31m!'.repeat(40)}`);
    const ladder = ladderText(
      messagesOf(noteOf({ direction: 'received', text }), noteOf({ text: '\u0007' })),
      PLAIN,
    );
    expect(ladder).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    const rails = ladder.split('\n').filter((line) => line.includes('│'));
    expect(new Set(rails.map((line) => line.length)).size).toBe(1);
  });
});

describe('a message as text', () => {
  it('says when, whose and which way, without what proves the secret', () => {
    const [sent, received] = messagesOf(noteOf(), noteOf({ account: null, direction: 'received', text: OK }));
    if (sent === undefined || received === undefined) throw new Error('two messages');
    const text = traceText(sent, PLAIN);
    expect(text).toMatch(
      /^2026-11-2\dT\d\d:00:00\.000[+-]\d\d:\d\d office ---> udp 192\.0\.2\.7:5060 \(from 192\.0\.2\.50:40112\)\nREGISTER sip:/,
    );
    expect(text).not.toContain(PROOF);
    expect(traceText(received, PLAIN)).toMatch(
      / <--- udp 192\.0\.2\.7:5060 \(to 192\.0\.2\.50:40112\)\nSIP\/2\.0 200/,
    );
  });
});
