// state.json on good and bad disks: modes and owners, damaged and newer texts, and no place to write at all.

import {
  chmodSync,
  chownSync,
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
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { type IdentityStore, openIdentityStore } from '../../src/state/identity-store.ts';
import { bundleChild, startProgram } from './children.ts';
import { OFFICE, openNoted } from './noted-store.ts';

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

  it('may be edited under a running store: what is right is kept, however it is laid out', async () => {
    const path = join(place, 'state.json');
    const store = await open();
    const second = { ...OFFICE, account: 'second' };
    await store.reserve(OFFICE, 1, 1);
    await store.reserve(second, 1, 4321);
    const text = readFileSync(path, 'utf8');
    const head = text.slice(0, text.indexOf('\n'));
    writeFileSync(
      path,
      `${head}${JSON.stringify(JSON.parse(text), null, 2).replace(/^.*?"accounts"/s, '"accounts"')}`,
    );
    expect(await store.reserve(OFFICE, 1, 1)).toMatchObject({ firstCseq: 2 });
    expect(await store.reserve(second, 1, 1)).toMatchObject({ firstCseq: 4322 });
    expect(notices).toEqual([]);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"cseq":4322', '"cseq":-1'));
    expect(await store.reserve(second, 1, 1)).toMatchObject({ firstCseq: 1 });
    expect(await store.reserve(OFFICE, 1, 1)).toMatchObject({ firstCseq: 3 });
    expect(notices).toEqual([expect.stringMatching(/^state.set-aside .*"second sip:1@example.com/)]);
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
    const opened = await openIdentityStore(place, { rng: seededRng(1), now: exactNow, notify: () => {} });
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

describe('without a place to write', () => {
  it('runs on with a Call-ID of its own and one warning', async () => {
    const store = await openNoted(null, notices);
    const [first, second] = [await store.reserve(OFFICE, 1, 2), await store.reserve(OFFICE, 1, 2)];
    expect(second).toMatchObject({ callId: first.callId, firstCseq: 3 });
    expect((await (await openNoted(null, notices)).reserve(OFFICE, 1, 1)).callId).not.toBe(first.callId);
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
    await store.settle(OFFICE, 1, meanwhile, { usedCseq: meanwhile.lastCseq, contact: 'sip:1@192.0.2.9' });
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
    // A dead holder's lock, which cannot be removed there, is nothing to wait for.
    const dead = startProgram(process.execPath, [program, 'hold', join(place, 'state.lock')]);
    await dead.printed(/^held$/);
    await dead.kill();
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

async function open(): Promise<IdentityStore> {
  return await openNoted(place, notices);
}
