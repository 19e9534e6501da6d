// What an account keeps (behaviour.md §2), in one process; crash.test.ts has many, state-file.test.ts bad disks.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import { type IdentityStore, type Reservation, readMemory } from '../../src/state/identity-store.ts';
import { CSEQ_MAX } from '../../src/state/state-document.ts';
import { OFFICE, openNoted } from './noted-store.ts';

let workshop = '';
let place = '';
let notices: string[] = [];

beforeAll(() => {
  workshop = mkdtempSync(join(tmpdir(), 'sipreg-identity-'));
});
beforeEach(() => {
  place = join(mkdtempSync(join(workshop, 'case-')), 'sipreg');
  notices = [];
});
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

describe('identity', () => {
  it('R027 R108 R316 R317 stays over restarts: Call-ID of 128 random bits, instance id, CSeq by exactly one', async () => {
    const seen: Reservation[] = [];
    const instances = new Set<string>();
    for (let run = 0; run < 4; run++) {
      const store = await open();
      const block = await store.reserve(OFFICE, 1, 10);
      await store.settle(OFFICE, 1, block, { usedCseq: block.firstCseq });
      seen.push(block);
      instances.add(store.instanceId());
    }
    expect(seen.map(({ firstCseq }) => firstCseq)).toEqual([1, 2, 3, 4]);
    expect(new Set(seen.map(({ callId }) => callId)).size).toBe(1);
    expect(seen[0]?.callId).toMatch(/^[0-9a-f]{32}$/);
    expect([...instances]).toEqual([
      expect.stringMatching(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    ]);
  });

  it('remembers what the last registration left, for the next command', async () => {
    const facts = {
      contact: 'sip:1@192.0.2.1:40112',
      localPort: 40112,
      registrar: '192.0.2.7:5060',
      grantedUntil: '2026-11-21T08:00:00.000Z',
      publicAddress: '203.0.113.5:40112',
    };
    const first = await open();
    const watching = await open();
    expect(watching.load(OFFICE).flows.size).toBe(0);
    const block = await first.reserve(OFFICE, 1, 2);
    await first.settle(OFFICE, 1, block, { ...facts, usedCseq: 2 });
    expect(watching.load(OFFICE).flows.get(1)).toMatchObject({ ...facts, callId: block.callId, cseq: 2 });
    await first.settle(OFFICE, 1, await first.reserve(OFFICE, 1, 1), { contact: null });
    expect((await open()).load(OFFICE).flows.get(1)).toMatchObject({ ...facts, contact: null });
  });

  it('R322 is apart for each flow, each account, and another AOR or registrar under the same name', async () => {
    const store = await open();
    const keys = [
      OFFICE,
      { ...OFFICE, account: 'second' },
      { ...OFFICE, aor: 'sip:2@example.com' },
      { ...OFFICE, registrar: 'sip:other.example.com' },
    ];
    const blocks = await Promise.all(
      keys.flatMap((key) => [store.reserve(key, 1, 1), store.reserve(key, 2, 1)]),
    );
    expect(new Set(blocks.map(({ callId }) => callId)).size).toBe(8);
    const again = await (await open()).reserve(OFFICE, 2, 1);
    expect(again).toMatchObject({ callId: blocks[1]?.callId, firstCseq: 2 });
  });

  it('R483 notes the port of a reservation at once, and keeps the Contact that was left behind', async () => {
    const store = await open();
    const first = await store.reserve(OFFICE, 1, 1, 5070);
    await store.settle(OFFICE, 1, first, { contact: 'sip:1@192.0.2.1:5070', localPort: 5070 });
    await store.reserve(OFFICE, 1, 1, 5072);
    const left = (await open()).load(OFFICE).flows.get(1);
    expect(left).toMatchObject({ localPort: 5072, contact: 'sip:1@192.0.2.1:5070' });
    await store.reserve(OFFICE, 1, 1);
    expect(store.load(OFFICE).flows.get(1)?.localPort).toBe(5072);
  });

  it('R139 begins anew under another durable Call-ID when asked to, and keeps the Contact', async () => {
    const store = await open();
    const old = await store.reserve(OFFICE, 1, 5);
    await store.settle(OFFICE, 1, old, { contact: 'sip:1@192.0.2.1' });
    await store.renewCallId(OFFICE, 1);
    await store.settle(OFFICE, 1, old, { usedCseq: 5 });
    const next = await (await open()).reserve(OFFICE, 1, 1);
    expect(next.callId).not.toBe(old.callId);
    expect(next.firstCseq).toBe(1);
    expect(store.load(OFFICE).flows.get(1)?.contact).toBe('sip:1@192.0.2.1');
  });

  it('R028 never hands out a CSeq of 2³¹: a new Call-ID begins at 1', async () => {
    const store = await open();
    const all = await store.reserve(OFFICE, 1, CSEQ_MAX);
    expect(all.lastCseq).toBe(2 ** 31 - 1);
    const next = await store.reserve(OFFICE, 1, 1);
    expect(next).toMatchObject({ firstCseq: 1, lastCseq: 1 });
    expect(next.callId).not.toBe(all.callId);
  });

  it('keeps pause and rejections over a restart, and forgets an account when told', async () => {
    const store = await open();
    await store.setPaused(OFFICE, '2026-11-21T08:00:00.000Z');
    const rejected = {
      secretFingerprint: 'ab',
      count: 2,
      lastAt: '2026-11-21T08:00:00.000Z',
      nextAt: '2026-11-21T08:20:00.000Z',
      isBlocked: false,
    };
    await store.setRejected(OFFICE, rejected);
    await store.reserve(OFFICE, 1, 1);
    expect((await open()).load(OFFICE)).toMatchObject({
      pausedSince: '2026-11-21T08:00:00.000Z',
      rejected,
    });
    await store.setPaused(OFFICE, null);
    expect((await open()).load(OFFICE).pausedSince).toBeNull();
    await store.forget(OFFICE);
    expect((await open()).load(OFFICE)).toEqual({ pausedSince: null, rejected: null, flows: new Map() });
  });
});

describe('the numbers', () => {
  it('R477 are never given twice, whatever is reserved, settled, settled again or lost in a crash', async () => {
    const step = fc.record({
      owner: fc.nat(2),
      action: fc.constantFrom('reserve', 'use', 'settle', 'settleAgain', 'crash'),
      count: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        place = join(mkdtempSync(join(workshop, 'model-')), 'sipreg');
        const owners = [await owner(), await owner(), await owner()];
        const used = new Set<number>();
        for (const { owner: index, action, count } of steps) {
          const own = owners[index] ?? (await owner());
          if (action === 'crash') owners[index] = await owner();
          if (action === 'reserve') {
            own.block = await own.store.reserve(OFFICE, 1, count);
            own.next = own.block.firstCseq;
            const highest = Math.max(0, ...used);
            expect(own.next).toBeGreaterThan(highest);
          }
          if (action === 'use' && own.block !== null && own.next <= own.block.lastCseq) {
            expect(used.has(own.next)).toBe(false);
            used.add(own.next++);
          }
          if (action === 'settle' && own.block !== null) {
            await own.store.settle(OFFICE, 1, own.block, { usedCseq: own.next - 1 });
            own.settled = { block: own.block, next: own.next };
            own.block = null;
          }
          if (action === 'settleAgain' && own.settled !== null) {
            await own.store.settle(OFFICE, 1, own.settled.block, { usedCseq: own.settled.next - 1 });
          }
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('of many accounts cost one write', async () => {
    const store = await open();
    const before = revision();
    const keys = Array.from({ length: 500 }, (_, index) => ({ ...OFFICE, account: `a${index}` }));
    let writes = 0;
    let last = before;
    const counting = Promise.all(
      keys.map(async (key) => {
        await store.reserve(key, 1, 100);
        if (revision() !== last) writes++;
        last = revision();
      }),
    );
    await counting;
    expect(writes).toBe(1);
    expect((await open()).load(keys[499] ?? OFFICE).flows.get(1)?.cseq).toBe(100);
  });
});

describe('a note', () => {
  it('comes with the next write, after what was asked for before it, and keeps the numbers', async () => {
    const store = await open();
    const block = await store.reserve(OFFICE, 1, 5);
    store.note(OFFICE, 1, { contact: 'sip:1@192.0.2.1', localPort: 5070 });
    store.note(OFFICE, 1, { contact: 'sip:1@192.0.2.2' });
    await store.settle(OFFICE, 1, block, { usedCseq: 2, publicAddress: '203.0.113.5:5070' });
    expect((await open()).load(OFFICE).flows.get(1)).toMatchObject({
      callId: block.callId,
      cseq: 2,
      reservation: null,
      contact: 'sip:1@192.0.2.2',
      localPort: 5070,
      publicAddress: '203.0.113.5:5070',
    });
  });

  it('is written by itself', async () => {
    const store = await open();
    await store.reserve(OFFICE, 1, 5);
    store.note(OFFICE, 1, { contact: 'sip:1@192.0.2.1' });
    const other = await open();
    await expect.poll(() => other.load(OFFICE).flows.get(1)?.contact).toBe('sip:1@192.0.2.1');
  });
});

it('changes some of many accounts and leaves the others as they are, also after somebody else did', async () => {
  const keys = Array.from({ length: 1500 }, (_, index) => ({ ...OFFICE, account: `account-${index}` }));
  const [one, two] = [await open(), await open()];
  await Promise.all(keys.map((key) => one.reserve(key, 1, 100)));
  const before = readMemory(place, seededRng(1));
  const changed = keys.filter((_, index) => index % 700 === 0);
  for (const store of [one, two, one]) {
    await Promise.all(changed.map((key) => store.reserve(key, 1, 10)));
  }
  await two.forget(keys[1] ?? OFFICE);
  const after = (await open()).remembered();
  const wanted = keys.map((key, index) => {
    const flow = before.load(key).flows.get(1);
    return index % 700 === 0 ? [130, flow?.callId] : index === 1 ? [] : [100, flow?.callId];
  });
  const found = keys.map((key) =>
    [...after.load(key).flows.values()].flatMap(({ cseq, callId }) => [cseq, callId]),
  );
  expect(found).toEqual(wanted);
  expect(notices).toEqual([]);
}, 30_000);

describe('one at a time', () => {
  it('locks each account apart from the others', async () => {
    const [one, two] = [await open(), await open()];
    const lock = await one.lockAccount(OFFICE, 0);
    expect(await two.lockAccount(OFFICE, 0)).toEqual({
      ok: false,
      error: { type: 'held', pid: process.pid },
    });
    expect((await two.lockAccount({ ...OFFICE, account: 'other/../name' }, 0)).ok).toBe(true);
    if (lock.ok) lock.value.release();
    expect((await two.lockAccount(OFFICE, 0)).ok).toBe(true);
  });

  it('says when there can be no lock, and goes on', async () => {
    const store = await open();
    writeFileSync(join(place, 'agent.lock'), '');
    expect((await store.lockAgent()).ok).toBe(true);
    expect(notices).toEqual([expect.stringMatching(/^state.unlockable .*agent.lock is no lock/)]);
  });

  it('lets one agent into a state directory', async () => {
    const [one, two] = [await open(), await open()];
    const lock = await one.lockAgent();
    expect((await two.lockAgent()).ok).toBe(false);
    if (lock.ok) lock.value.release();
    expect(existsSync(join(place, 'agent.lock'))).toBe(false);
  });
});

it('can be read without a trace', async () => {
  expect(readMemory(place, seededRng(1)).load(OFFICE).flows.size).toBe(0);
  expect(readMemory(null, seededRng(1)).load(OFFICE).flows.size).toBe(0);
  expect(existsSync(place)).toBe(false);
  await (await open()).reserve(OFFICE, 1, 5);
  expect(readMemory(place, seededRng(1)).load(OFFICE).flows.get(1)?.cseq).toBe(5);
  writeFileSync(join(place, 'state.json'), '{');
  expect(readMemory(place, seededRng(1)).load(OFFICE).flows.size).toBe(0);
  expect(readdirSync(place)).toEqual(['state.json']);
});

type Owner = {
  store: IdentityStore;
  block: Reservation | null;
  next: number;
  settled: { block: Reservation; next: number } | null;
};

async function owner(): Promise<Owner> {
  return { store: await open(), block: null, next: 0, settled: null };
}

async function open(): Promise<IdentityStore> {
  return await openNoted(place, notices);
}

function revision(): string {
  return readFileSync(join(place, 'state.json'), 'utf8').slice(0, 100);
}
