// What an account keeps: behaviour.md §2 and interface.md, "Where things are", in one process; crash.test.ts has many.

import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import {
  type IdentityStore,
  openIdentityStore,
  type Reservation,
  readAccount,
} from '../../src/state/identity-store.ts';
import { CSEQ_MAX } from '../../src/state/state-document.ts';
import { bundleChild, startProgram } from './children.ts';

const OFFICE = { account: 'office', aor: 'sip:1@example.com', registrar: 'sip:example.com' };
const rng = seededRng(11);
let workshop = '';
let program = '';
let place = '';
let notices: string[] = [];

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'sipreg-identity-'));
  program = await bundleChild(workshop);
});
beforeEach(() => {
  place = join(mkdtempSync(join(workshop, 'case-')), 'sipreg');
  notices = [];
});
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

describe('identity', () => {
  it('R027 R108 R316 stays over restarts: Call-ID of 128 random bits, instance id, CSeq by exactly one', async () => {
    const seen: Reservation[] = [];
    const instances = new Set<string>();
    for (let run = 0; run < 4; run++) {
      const store = await open();
      const block = await store.reserve(OFFICE, 1, 10);
      await store.settle(block, { usedCseq: block.firstCseq });
      seen.push(block);
      instances.add(store.instanceId());
    }
    expect(seen.map(({ firstCseq }) => firstCseq)).toEqual([1, 2, 3, 4]);
    expect(new Set(seen.map(({ callId }) => callId)).size).toBe(1);
    expect(seen[0]?.callId).toMatch(/^[0-9a-f]{32}$/);
    expect([...instances]).toEqual([expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/)]);
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
    await first.settle(block, { ...facts, usedCseq: 2 });
    expect(watching.load(OFFICE).flows.get(1)).toMatchObject({ ...facts, callId: block.callId, cseq: 2 });
    await first.settle(await first.reserve(OFFICE, 1, 1), { contact: null });
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

  it('R139 begins anew under another durable Call-ID when asked to, and keeps the Contact', async () => {
    const store = await open();
    const old = await store.reserve(OFFICE, 1, 5);
    await store.settle(old, { contact: 'sip:1@192.0.2.1' });
    await store.renewCallId(OFFICE, 1);
    await store.settle(old, { usedCseq: 5 });
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

  it('keeps pause and block over a restart, and forgets an account when told', async () => {
    const store = await open();
    await store.setPaused(OFFICE, '2026-11-21T08:00:00.000Z');
    await store.setBlocked(OFFICE, { since: '2026-11-21T08:00:00.000Z', secretFingerprint: 'ab' });
    expect((await open()).load(OFFICE)).toMatchObject({
      pausedSince: '2026-11-21T08:00:00.000Z',
      blocked: { secretFingerprint: 'ab' },
    });
    await store.setPaused(OFFICE, null);
    expect((await open()).load(OFFICE).pausedSince).toBeNull();
    await store.forget(OFFICE);
    expect((await open()).load(OFFICE)).toEqual({ pausedSince: null, blocked: null, flows: new Map() });
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
            await own.store.settle(own.block, { usedCseq: own.next - 1 });
            own.settled = { block: own.block, next: own.next };
            own.block = null;
          }
          if (action === 'settleAgain' && own.settled !== null) {
            await own.store.settle(own.settled.block, { usedCseq: own.settled.next - 1 });
          }
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it('of many accounts cost one write', async () => {
    const store = await open();
    await store.reserve(OFFICE, 1, 1);
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

describe('the files', () => {
  it('are 0600 in a directory 0700, with nothing beside them', async () => {
    await (await open()).reserve(OFFICE, 1, 1);
    expect(statSync(place).mode & 0o777).toBe(0o700);
    expect(statSync(join(place, 'state.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(place)).toEqual(['state.json']);
  });

  it('are swept of what a killed writer left', async () => {
    mkdirSync(place);
    writeFileSync(join(place, 'state.json.4711.unfinished'), '{');
    await open();
    expect(readdirSync(place)).toEqual(['state.json']);
  });

  it.runIf(process.geteuid?.() === 0)('keep their owner when root runs', async () => {
    await open();
    chownSync(place, 65534, 65533);
    chownSync(join(place, 'state.json'), 65534, 65533);
    await (await open()).reserve(OFFICE, 1, 1);
    expect(statSync(join(place, 'state.json'))).toMatchObject({ uid: 65534, gid: 65533 });
  });

  it.each([
    ['', 'JSON'],
    ['{"schema": "sipreg.state/1", "ins', 'JSON'],
    ['{"projects": {}}', 'schema'],
  ])('%j is kept aside with a warning, and a new identity begins', async (text, problem) => {
    mkdirSync(place);
    writeFileSync(join(place, 'state.json'), text);
    const store = await open();
    expect((await store.reserve(OFFICE, 1, 1)).firstCseq).toBe(1);
    expect(notices).toEqual([expect.stringMatching(new RegExp(`^state.set-aside .*${problem}.*kept as`))]);
    const aside = readdirSync(place).find((name) => name.startsWith('state.json.damaged-'));
    expect(readFileSync(join(place, aside ?? ''), 'utf8')).toBe(text);
    notices = [];
    await open();
    expect(notices).toEqual([]);
  });

  it('with one wrong record are kept aside, and the other accounts go on', async () => {
    const first = await open();
    const good = await first.reserve(OFFICE, 1, 1);
    await first.reserve({ ...OFFICE, account: 'bad' }, 1, 4321);
    const path = join(place, 'state.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"cseq":4321', '"cseq":-1'));
    const store = await open();
    expect(notices).toEqual([expect.stringContaining('"bad sip:1@example.com sip:example.com"')]);
    expect(store.instanceId()).toBe(first.instanceId());
    expect(await store.reserve(OFFICE, 1, 1)).toMatchObject({ callId: good.callId, firstCseq: 2 });
  });

  it('a directory in the place of state.json is moved aside', async () => {
    mkdirSync(join(place, 'state.json'), { recursive: true });
    expect((await (await open()).reserve(OFFICE, 1, 1)).firstCseq).toBe(1);
    expect(notices).toEqual([expect.stringContaining('no regular file')]);
  });

  it('of a newer version are refused and not touched', async () => {
    mkdirSync(place);
    const text = '{"schema": "sipreg.state/2", "future": true}';
    writeFileSync(join(place, 'state.json'), text);
    const opened = await openIdentityStore(place, { rng, notify });
    expect(opened).toMatchObject({ ok: false, error: { type: 'newer' } });
    expect(!opened.ok && opened.error.message).toMatch(/newer sipreg \(sipreg.state\/2\).*left as it is/);
    expect(readdirSync(place)).toEqual(['state.json']);
    expect(readFileSync(join(place, 'state.json'), 'utf8')).toBe(text);
  });

  it('that become those of a newer version under a running store are not touched either', async () => {
    const store = await open();
    const before = await store.reserve(OFFICE, 1, 1);
    const text = '{"schema": "sipreg.state/2"}';
    writeFileSync(join(place, 'state.json'), text);
    expect((await store.reserve(OFFICE, 1, 1)).callId).not.toBe(before.callId);
    expect(notices).toEqual([expect.stringContaining('newer sipreg')]);
    expect(readFileSync(join(place, 'state.json'), 'utf8')).toBe(text);
  });
});

it('does not overwrite what another process wrote after it had lost the lock', async () => {
  const store = await open();
  const before = await store.reserve(OFFICE, 1, 1);
  const kept = readFileSync(join(place, 'state.json'), 'utf8');
  const lock = join(place, 'state.lock');
  const pending = store.reserve(OFFICE, 1, 1);
  while (!lstatSync(lock, { throwIfNoEntry: false })) await nextTurn();
  const successor = readlinkSync(lock).replace(/^.{16}/, 'aaaaaaaaaaaaaaaa');
  rmSync(lock);
  symlinkSync(successor, lock);
  expect((await pending).callId).not.toBe(before.callId);
  expect(notices).toEqual([expect.stringContaining('lock of')]);
  expect(readFileSync(join(place, 'state.json'), 'utf8')).toBe(kept);
  expect(readlinkSync(lock)).toBe(successor);
});

it('can be read without a trace', async () => {
  expect(readAccount(place, OFFICE).flows.size).toBe(0);
  expect(readAccount(null, OFFICE).flows.size).toBe(0);
  expect(existsSync(place)).toBe(false);
  await (await open()).reserve(OFFICE, 1, 5);
  expect(readAccount(place, OFFICE).flows.get(1)?.cseq).toBe(5);
  writeFileSync(join(place, 'state.json'), '{');
  expect(readAccount(place, OFFICE).flows.size).toBe(0);
  expect(readdirSync(place)).toEqual(['state.json']);
});

describe('without a place to write', () => {
  it('runs on with a Call-ID of its own and one warning', async () => {
    const store = await openWith(null);
    const [first, second] = [await store.reserve(OFFICE, 1, 2), await store.reserve(OFFICE, 1, 2)];
    expect(second).toMatchObject({ callId: first.callId, firstCseq: 3 });
    expect((await (await openWith(null)).reserve(OFFICE, 1, 1)).callId).not.toBe(first.callId);
    expect(notices).toHaveLength(2);
    expect(notices[0]).toMatch(/^state.unwritable .*no state directory/);
    expect((await store.lockAccount(OFFICE, 0)).ok).toBe(true);
  });

  it('says so when a file stands where the directory should be', async () => {
    writeFileSync(place, 'in the way');
    const store = await open();
    expect((await store.reserve(OFFICE, 1, 1)).firstCseq).toBe(1);
    expect(notices).toEqual([expect.stringMatching(/^state.unwritable .*(EEXIST|ENOTDIR)/)]);
    expect(readFileSync(place, 'utf8')).toBe('in the way');
  });

  it('goes on under another Call-ID while the disk is bad, then under the durable one, with what it noted', async () => {
    const store = await open();
    const before = await store.reserve(OFFICE, 1, 1);
    const path = join(place, 'state.json');
    const kept = readFileSync(path, 'utf8');
    rmSync(place, { recursive: true });
    writeFileSync(place, 'in the way');
    const meanwhile = await store.reserve(OFFICE, 1, 1);
    await store.settle(meanwhile, { usedCseq: meanwhile.lastCseq, contact: 'sip:1@192.0.2.9' });
    await store.setPaused(OFFICE, '2026-11-21T08:00:00.000Z');
    expect(meanwhile.callId).not.toBe(before.callId);
    expect(store.load(OFFICE).pausedSince).not.toBeNull();
    rmSync(place);
    mkdirSync(place);
    writeFileSync(path, kept);
    const after = await store.reserve(OFFICE, 1, 1);
    expect(after).toMatchObject({ callId: before.callId, firstCseq: before.lastCseq + 1 });
    const record = (await open()).load(OFFICE);
    expect(record.flows.get(1)?.contact).toBe('sip:1@192.0.2.9');
    expect(record.pausedSince).toBe('2026-11-21T08:00:00.000Z');
    expect(notices.map((notice) => notice.split(' ')[0])).toEqual(['state.unwritable', 'state.writable']);
  });

  it('says so on a full disk, leaves the old state whole and uses none of its numbers', async () => {
    const before = await (await open()).reserve(OFFICE, 1, 1);
    const kept = readFileSync(join(place, 'state.json'), 'utf8');
    // No file may grow: the write fails as on a full disk, after the file was made.
    const child = startProgram('sh', [
      '-c',
      'ulimit -f 0; exec "$@"',
      'sh',
      process.execPath,
      program,
      'once',
      place,
    ]);
    expect(await child.ended).toBe(0);
    expect(child.lines()).toEqual([
      expect.stringMatching(/^state.unwritable .*EFBIG/),
      expect.stringMatching(/^used [0-9a-f]{32} 1$/),
    ]);
    expect(child.lines()[1]).not.toContain(before.callId);
    expect(readFileSync(join(place, 'state.json'), 'utf8')).toBe(kept);
    expect(readdirSync(place)).toEqual(['state.json']);
  });

  it('says so in a directory that it may read but not write, without waiting', async () => {
    const before = await (await open()).reserve(OFFICE, 1, 1);
    chmodSync(join(place, '..'), 0o755);
    chmodSync(place, 0o555);
    chmodSync(join(place, 'state.json'), 0o444);
    const user = process.geteuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
    const began = performance.now();
    const child = startProgram(process.execPath, [program, 'once', place], user);
    expect(await child.ended).toBe(0);
    expect(child.lines()).toEqual([
      expect.stringMatching(/^state.unwritable .*EACCES/),
      expect.stringMatching(/^used [0-9a-f]{32} 1$/),
    ]);
    expect(child.lines()[1]).not.toContain(before.callId);
    expect(performance.now() - began).toBeLessThan(5000);
    chmodSync(place, 0o755);
  });
});

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
  return await openWith(place);
}

async function openWith(directory: string | null): Promise<IdentityStore> {
  const opened = await openIdentityStore(directory, { rng, notify });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

function notify({ code, message }: { code: string; message: string }): void {
  notices.push(`${code} ${message}`);
}

function revision(): string {
  return readFileSync(join(place, 'state.json'), 'utf8').slice(0, 100);
}
