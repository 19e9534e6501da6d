// The promise of behaviour.md §2 against real processes: whatever is killed whenever, CSeq rises and the Call-ID
// stays; whoever runs at the same time, no number is used twice.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { bundleChild, type Child, startNode } from './children.ts';

let workshop = '';
let program = '';
let place = '';

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'sipreg-crash-'));
  program = await bundleChild(workshop);
});
beforeEach(() => {
  place = mkdtempSync(join(workshop, 'state-'));
});
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

it('R477 R108 a hundred kill -9 at random moments: CSeq always rises, the Call-ID stays', async () => {
  const lines: string[] = [];
  for (let round = 0; round < 100; round++) {
    const child = startNode([program, 'use', place]);
    // Some numbers in most rounds, however slow the machine is; the kill then hits any step of reserve and settle.
    if (round % 10 !== 0) await child.printed(/^used/, 1 + (round % 3));
    await sleep(Math.random() * 25);
    await child.kill();
    lines.push(...child.lines());
  }
  const used = lines.map(parseUsed);
  expect(used.length).toBeGreaterThan(150);
  expect(new Set(used.map(({ callId }) => callId)).size).toBe(1);
  const falls = used.filter(({ cseq }, index) => index > 0 && cseq <= (used[index - 1]?.cseq ?? 0));
  expect(falls).toEqual([]);

  // Nothing is left behind by the dead but the state itself.
  const last = startNode([program, 'once', place]);
  expect(await last.ended).toBe(0);
  expect(readdirSync(place)).toEqual(['state.json']);
}, 120_000);

it('R477 eight processes at once: no number twice, none lost, one Call-ID', async () => {
  const children = Array.from({ length: 8 }, () => startNode([program, 'share', place, '15']));
  expect(await Promise.all(children.map(({ ended }) => ended))).toEqual(Array(8).fill(0));
  const used = children.flatMap((child) => child.lines()).map(parseUsed);
  expect(new Set(used.map(({ callId }) => callId)).size).toBe(1);
  const numbers = used.map(({ cseq }) => cseq).sort((left, right) => left - right);
  expect(numbers).toEqual(Array.from({ length: 8 * 15 * 3 }, (_, index) => index + 1));
}, 60_000);

it('never lets two into the lock, while holders and takers are killed', async () => {
  const start = (): Child => startNode([program, 'contend', place]);
  const living = Array.from({ length: 4 }, start);
  const all = [...living];
  const entries = (): number => all.reduce((count, child) => count + child.lines().length, 0);
  for (let kill = 0; kill < 40; kill++) {
    await sleep(40 + Math.random() * 80);
    // However slow the machine is, the lock is worked with between two kills.
    while (entries() < 3 * (kill + 1)) await sleep(5);
    const slot = kill % living.length;
    await living[slot]?.kill();
    const next = start();
    living[slot] = next;
    all.push(next);
  }
  await Promise.all(living.map((child) => child.printed(/./)));
  await Promise.all(living.map((child) => child.kill()));
  const lines = all.flatMap((child) => child.lines());
  expect(lines.filter((line) => line !== 'alone')).toEqual([]);
  expect(lines.length).toBeGreaterThan(100);
}, 60_000);

it('lets one taker in when several find the same holder dead', async () => {
  const children = Array.from({ length: 4 }, () => startNode([program, 'abandon', place, '300']));
  expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0, 0]);
  const lines = children.flatMap((child) => child.lines());
  expect(lines.filter((line) => line !== 'alone')).toEqual([]);
  expect(lines.length).toBe(1200);
  expect(readdirSync(place).sort()).toEqual(['inside', 'lock']);
}, 60_000);

function parseUsed(line: string): { callId: string; cseq: number } {
  const [, callId = '', cseq] = /^used ([0-9a-f]{32}) (\d+)$/.exec(line) ?? [];
  expect(callId, line).not.toBe('');
  return { callId, cseq: Number(cseq) };
}
