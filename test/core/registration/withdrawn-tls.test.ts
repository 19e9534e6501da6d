// A domain that offered TLS and does not any more (RFC 3263 §7): it is told, and what it offered is tried first.

import { expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import { breakFlow, FIRST, granted, lookedUp, openings, type Script, script } from './script.ts';

const SECURE: Target = { ...FIRST, transport: 'tls', port: 5061 };

function found(line: Script, targets: readonly Target[], tlsWithdrawn: boolean): void {
  line.step(lookedUp(targets, { tlsWithdrawn }));
}

/** A round, on a fresh flow. */
function registered(line: Script, tlsWithdrawn: boolean): void {
  breakFlow(line);
  line.begin();
  found(line, [SECURE, FIRST], tlsWithdrawn);
  line.answer(200, granted(3600));
}

it('R239 warns once, and names what was offered and what is now', () => {
  const line = script({ manual: ['resolve'] });
  registered(line, false);
  expect(line.warnings()).toEqual([]);
  registered(line, true);
  const [text, another] = line.warnings();
  expect(text).toContain('DNS names no target with TLS for pbx.example.com any more');
  expect(text).toContain('192.0.2.1 port 5061 over TLS');
  expect(text).toContain('192.0.2.1 port 5060 over UDP');
  expect(another).toBeUndefined();
  expect(openings(line)).toEqual([SECURE, SECURE]);
  registered(line, true);
  expect(line.warnings()).toHaveLength(1);
});

it('R239 warns anew when it was offered again in between', () => {
  const line = script({ manual: ['resolve'] });
  for (const withdrawn of [true, true, false, true]) registered(line, withdrawn);
  expect(line.warnings()).toHaveLength(2);
});

it('R239 speaks in the open only after a target with TLS was not there, and never after a handshake that failed', () => {
  for (const [code, opened] of [
    ['connect.refused', [SECURE, FIRST]],
    ['tls.untrusted', [SECURE]],
  ] as const) {
    const line = script({ manual: ['resolve', 'openFlow'] });
    line.begin();
    found(line, [SECURE, FIRST], true);
    line.step({ type: 'flowFailed', target: SECURE, failure: failureOf(code, 'it is so') });
    expect(openings(line)).toEqual(opened);
  }
});

it('R239 is told besides DNS that fails', () => {
  const line = script({ manual: ['resolve'] });
  line.begin();
  const stale = failureOf('dns.timeout', '127.0.0.1 did not answer');
  const targets = [SECURE, FIRST];
  line.step(lookedUp(targets, { stale, tlsWithdrawn: true }));
  expect(line.warnings()).toEqual([
    expect.stringContaining('127.0.0.1 did not answer'),
    expect.stringContaining('no target with TLS'),
  ]);
});
