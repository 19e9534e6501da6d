// The lock between processes: who holds it, who is dead, and who may take over.

import {
  lutimesSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { acquireLock } from '../../src/state/lock.ts';
import { bundleChild, startNode, startProgram } from './children.ts';

const ours = { rng: seededRng(7), now: exactNow };
let workshop = '';
let program = '';
let directory = '';
let path = '';

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'sipreg-lock-'));
  program = await bundleChild(workshop);
});
beforeEach(() => {
  directory = mkdtempSync(join(workshop, 'lock-'));
  path = join(directory, 'lock');
});
afterAll(() => rmSync(workshop, { recursive: true, force: true }));

describe('a living holder', () => {
  it('refuses a second taker and names the holder', async () => {
    const child = startNode([program, 'hold', path]);
    await child.printed(/^held$/);
    const refused = await acquireLock(path, { waitMs: 60, ...ours });
    expect(refused).toEqual({ ok: false, error: { type: 'held', pid: child.pid } });
    await child.kill();
  });

  it('lets the next one in when it releases, within the wait', async () => {
    const first = await taken(path);
    const second = acquireLock(path, { waitMs: 5000, ...ours });
    expect(first.isHeld()).toBe(true);
    first.release();
    expect((await second).ok).toBe(true);
    expect(first.isHeld()).toBe(false);
  });

  it('does not remove the lock of its successor by a second release', async () => {
    const first = await taken(path);
    first.release();
    const second = await taken(path);
    first.release();
    expect(second.isHeld()).toBe(true);
    second.release();
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a dead holder', () => {
  it('is replaced at once after kill -9', async () => {
    const child = startNode([program, 'hold', path]);
    await child.printed(/^held$/);
    await child.kill();
    expect((await acquireLock(path, { waitMs: 0, ...ours })).ok).toBe(true);
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  it('leaves nothing behind when it exits in the normal way', async () => {
    const child = startNode([program, 'endWithLock', path]);
    expect(await child.ended).toBe(0);
    expect(child.lines()).toEqual(['held']);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is known although its number was given to another process', async () => {
    const fields = await ownFields();
    symlinkSync(holderText({ ...fields, birth: `${fields.birth}0` }), path);
    expect((await acquireLock(path, { waitMs: 0, ...ours })).ok).toBe(true);
  });

  it('is known although its number was given again after a reboot', async () => {
    const fields = await ownFields();
    symlinkSync(holderText({ ...fields, boot: '00000000-0000-0000-0000-000000000000' }), path);
    expect((await acquireLock(path, { waitMs: 0, ...ours })).ok).toBe(true);
  });

  it.runIf(process.platform === 'linux')('is dead as a zombie, too', async () => {
    // The shell becomes a sleep that never reaps its child, which ends when that is so.
    const child = 'until read -r name < /proc/$$/comm && [ "$name" != sh ]; do :; done';
    const parent = startProgram('sh', ['-c', `(${child}) & echo $!; exec sleep 30`]);
    await parent.printed(/^\d+$/);
    const pid = String(parent.lines()[0]);
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await nextTurn();
    const birth = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[21] ?? '';
    symlinkSync(holderText({ ...(await ownFields()), pid, birth }), path);
    expect((await acquireLock(path, { waitMs: 0, ...ours })).ok).toBe(true);
    await parent.kill();
  });

  it('is replaced although who was replacing it died in between', async () => {
    const fields = await ownFields();
    const dead = { ...fields, birth: '1' };
    symlinkSync(holderText({ ...dead, token: 'aaaaaaaaaaaaaaaa' }), path);
    symlinkSync(holderText({ ...dead, token: 'bbbbbbbbbbbbbbbb' }), `${path}.aaaaaaaaaaaaaaaa`);
    symlinkSync(holderText({ ...dead, token: 'cccccccccccccccc' }), `${path}.bbbbbbbbbbbbbbbb`);
    const lock = await taken(path);
    expect(readdirSync(directory)).toEqual(['lock']);
    lock.release();
  });

  it('is left to the one who is replacing it', async () => {
    const fields = await ownFields();
    symlinkSync(holderText({ ...fields, birth: '1', token: 'aaaaaaaaaaaaaaaa' }), path);
    symlinkSync(holderText({ ...fields, token: 'bbbbbbbbbbbbbbbb' }), `${path}.aaaaaaaaaaaaaaaa`);
    expect((await acquireLock(path, { waitMs: 30, ...ours })).ok).toBe(false);
    expect(readlinkSync(path)).toContain('aaaaaaaaaaaaaaaa');
  });
});

describe('a holder in another container or on another host', () => {
  it.each([{ host: 'elsewhere' }, { namespace: '1' }])(
    'is dead after a time without a sign of life: %o',
    async (other) => {
      symlinkSync(holderText({ ...(await ownFields()), ...other }), path);
      const refused = await acquireLock(path, { waitMs: 40, ...ours, silenceMs: 200 });
      expect(refused).toEqual({ ok: false, error: { type: 'held', pid: null } });
      expect((await acquireLock(path, { waitMs: 5000, ...ours, silenceMs: 100 })).ok).toBe(true);
    },
  );

  it('is waited for until its silence tells, by who wants that and would not wait for a neighbour', async () => {
    symlinkSync(holderText({ ...(await ownFields()), host: 'elsewhere' }), path);
    const options = { waitMs: 0, ...ours, silenceMs: 200, untilSilence: true };
    expect((await acquireLock(path, options)).ok).toBe(true);
    const begun = performance.now();
    expect((await acquireLock(path, { ...options, silenceMs: 60_000 })).ok).toBe(false);
    expect(performance.now() - begun).toBeLessThan(30_000);
  });

  it('is alive while it shows itself', async () => {
    symlinkSync(holderText({ ...(await ownFields()), host: 'elsewhere' }), path);
    let seconds = 1_000_000;
    const beat = setInterval(() => lutimesSync(path, ++seconds, seconds), 10);
    const refused = await acquireLock(path, { waitMs: 700, ...ours, silenceMs: 350 });
    clearInterval(beat);
    expect(refused.ok).toBe(false);
  });
});

describe('what is no lock', () => {
  it.each([
    ['a file', () => writeFileSync(path, '')],
    ['a foreign link', () => symlinkSync('/etc/hosts', path)],
    ['a directory that is missing', () => rmSync(directory, { recursive: true })],
  ])('%s makes it unavailable, with the path', async (_, make) => {
    make();
    const refused = await acquireLock(path, { waitMs: 1000, ...ours });
    expect(refused).toMatchObject({ ok: false, error: { type: 'unavailable' } });
    expect(JSON.stringify(refused)).toContain(path);
    // The call of the system names what the lock would have held.
    expect(JSON.stringify(refused)).not.toContain('symlink ');
  });
});

type Fields = { token: string; pid: string; birth: string; namespace: string; boot: string; host: string };

/** What this process writes into its own locks. */
async function ownFields(): Promise<Fields> {
  const probe = join(directory, 'probe');
  const lock = await taken(probe);
  const [token = '', pid = '', birth = '', namespace = '', boot = '', host = ''] =
    readlinkSync(probe).split(':');
  lock.release();
  return { token, pid, birth, namespace, boot, host };
}

function holderText({ token, pid, birth, namespace, boot, host }: Fields): string {
  return [token, pid, birth, namespace, boot, host].join(':');
}

async function taken(at: string): Promise<{ isHeld: () => boolean; release: () => void }> {
  const lock = await acquireLock(at, { waitMs: 0, ...ours });
  if (!lock.ok) throw new Error(JSON.stringify(lock.error));
  return lock.value;
}
