import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askAgent } from '../../../src/agent/control/client.ts';
import { requestLine } from '../../../src/agent/control/protocol.ts';
import { MAX_CLIENTS } from '../../../src/agent/control/server.ts';
import { watchSockets } from '../../../src/agent/control/socket-watch.ts';
import {
  clients,
  directory,
  open,
  PATIENCE,
  path,
  readAll,
  refusal,
  start,
  status,
  usePath,
} from './control-scene.ts';
import { fakeAgent } from './fake-operations.ts';

describe('the socket', () => {
  it("is its user's alone, in a directory of its own, and gone at the end", async () => {
    const server = await start(fakeAgent());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700);
    await server.close();
    expect(readdirSync(join(directory, 'run'))).toEqual([]);
    expect(await status()).toMatchObject({ error: { type: 'not-running' } });
  });

  it('is refused to a second agent, which learns whose it is', async () => {
    await start(fakeAgent());
    expect(await refusal()).toMatchObject({
      type: 'running',
      pid: process.pid,
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect((await status()).ok).toBe(true);
  });

  it('is made again when somebody has removed it, with its directory and lock; who is connected stays', async () => {
    const told: string[] = [];
    const notify = (text: string): void => void told.push(text);
    const server = await start(fakeAgent(), { lookEveryMs: 20, notify });
    const before = await open();
    rmSync(path);
    await expect
      .poll(() => told, { timeout: 10_000 })
      .toEqual([`the control socket ${path} was gone, and has been made again`]);
    expect((await status()).ok).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    rmSync(join(directory, 'run'), { recursive: true });
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(2);
    expect((await status()).ok).toBe(true);
    expect(await refusal()).toMatchObject({ type: 'running', pid: process.pid });
    before.write(requestLine(1, { command: 'status', accounts: [] }));
    before.end();
    expect(await readAll(before)).toContain('"id":1');
    await server.close();
    expect(readdirSync(join(directory, 'run'))).toEqual([]);
  });

  it('that is gone leaves alone what stands in its place, tells that once, and comes back after it', async () => {
    const told: string[] = [];
    await start(fakeAgent(), { lookEveryMs: 20, notify: (text) => told.push(text) });
    rmSync(path);
    writeFileSync(path, 'mine');
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(1);
    expect(told[0]).toBe(
      `the control socket ${path} is gone: ${path} is there and is no socket; remove it, or choose another path`,
    );
    expect(readFileSync(path, 'utf8')).toBe('mine');
    rmSync(path);
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(2);
    expect((await status()).ok).toBe(true);
  });

  it('whose directory cannot be read for a while is held as before afterwards, and made again when it is gone', async () => {
    const told: string[] = [];
    await start(fakeAgent(), { lookEveryMs: 20, notify: (text) => told.push(text) });
    const [run, away] = [join(directory, 'run'), join(directory, 'away')];
    renameSync(run, away);
    writeFileSync(run, '');
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(1);
    rmSync(run);
    renameSync(away, run);
    // Others see by the time of the lock that we live.
    lutimesSync(`${path}.lock`, 0, 0);
    await expect.poll(() => lstatSync(`${path}.lock`).mtimeMs, { timeout: 10_000 }).toBeGreaterThan(0);
    rmSync(path);
    await expect.poll(() => told, { timeout: 10_000 }).toHaveLength(2);
    expect((await status()).ok).toBe(true);
  });

  it('that cannot be made again for a reason that nobody thought of ends no agent, and that is told once', async () => {
    const told: string[] = [];
    let tries = 0;
    const watch = watchSockets({
      paths: [path],
      everyMs: 5,
      restore: async () => {
        tries += 1;
        throw new Error('EIO: i/o error');
      },
      notify: (text) => told.push(text),
    });
    await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(2);
    await watch.stop();
    expect(told).toEqual([`the control socket ${path} is gone: EIO: i/o error`]);
  });

  it('of an agent that was killed is replaced', async () => {
    await start(fakeAgent()).then((server) => server.close());
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.stdout.write('up'))`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    // A holder that no longer lives.
    symlinkSync(
      `${'0'.repeat(16)}:${child.pid}:1:1:another-boot:${execFileSync('hostname').toString().trim()}`,
      `${path}.lock`,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(path)).toBe(true);
    await start(fakeAgent());
    expect((await status()).ok).toBe(true);
  });

  it('is taken by one of many agents that start together', async () => {
    const refusals = await Promise.all(Array.from({ length: 10 }, () => refusal()));
    expect(refusals.filter((one) => one === null)).toHaveLength(1);
    expect((await status()).ok).toBe(true);
  });

  it('is not made where another program listens, or where a file is', async () => {
    usePath(join(directory, 'taken.sock'));
    const other = createServer().listen(path);
    await once(other, 'listening');
    expect(await refusal()).toMatchObject({
      type: 'unusable',
      message: expect.stringContaining('another program'),
    });
    await new Promise((resolve) => other.close(resolve));
    writeFileSync(path, 'precious');
    expect(await refusal()).toMatchObject({
      type: 'unusable',
      message: expect.stringContaining('is no socket'),
    });
    expect(readdirSync(directory)).toEqual(['taken.sock']);
  });

  it('has a path that the system takes', async () => {
    usePath(join(directory, 'x'.repeat(100)));
    expect(await refusal()).toMatchObject({
      type: 'unusable',
      message: expect.stringContaining('is longer than'),
    });
  });
});

describe('a group that may read', () => {
  const group = String(process.getgid?.() ?? 0);

  it('gets a socket of 0660 that takes no commands; the operator commands beside it', async () => {
    const agent = fakeAgent();
    const server = await start(agent, { group });
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(statSync(path).gid).toBe(Number(group));
    expect(statSync(`${path}.operator`).mode & 0o777).toBe(0o600);
    const raw = await open();
    raw.end(requestLine(1, { command: 'pause', accounts: ['office'] }));
    expect(await readAll(raw)).toContain('"code":"forbidden"');
    expect(agent.asked).toEqual([]);
    expect((await status()).ok).toBe(true);
    const paused = await askAgent(path, { command: 'pause', accounts: ['office'] }, PATIENCE);
    expect(paused.ok).toBe(true);
    expect(agent.asked).toEqual(['pause office']);
    await server.close();
    expect(readdirSync(join(directory, 'run'))).toEqual([]);
  });

  it('is told of, where a directory keeps its members out', async () => {
    usePath(join(directory, 'private', 'agent.sock'));
    mkdirSync(join(directory, 'private'), { mode: 0o700 });
    const told: string[] = [];
    await start(fakeAgent(), { group, notify: (text) => told.push(text) });
    expect(told).toEqual([
      expect.stringContaining(`through ${join(directory, 'private')} (mode 0700); run: chgrp`),
    ]);
  });

  it('cannot keep the operator out', async () => {
    await start(fakeAgent(), { group });
    for (let at = 0; at < MAX_CLIENTS; at++) await open();
    expect((await status()).ok).toBe(true);
  });

  it('has to exist', async () => {
    expect(await refusal({ group: 'no-such-group-here' })).toMatchObject({
      type: 'unusable',
      message: expect.stringMatching(
        /"no-such-group-here" cannot be given the socket \(.*\); the group has to exist, and this user has to be in it \(a service: SupplementaryGroups=no-such-group-here\)$/,
      ),
    });
    expect(readdirSync(directory).flatMap((name) => readdirSync(join(directory, name)))).toEqual([]);
  });
});

describe('a client', () => {
  it('waits for no silent agent', async () => {
    usePath(join(directory, 'silent.sock'));
    const silent = createServer((socket) => clients.push(socket.resume())).listen(path);
    await once(silent, 'listening');
    const answer = await askAgent(path, { command: 'reload' }, { timeoutMs: 100 });
    expect(answer).toMatchObject({ error: { type: 'no-answer' } });
    await new Promise((resolve) => silent.close(resolve));
  });

  it.each([
    ['something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['half of an answer', '{"protocol":"sipreg.control/1","id":1,"type":"item","item":1}\n'],
  ])('takes %s for no answer', async (_, text) => {
    usePath(join(directory, 'other.sock'));
    const other = createServer((socket) => socket.resume().end(text)).listen(path);
    await once(other, 'listening');
    expect(await status()).toMatchObject({ error: { type: 'broken' } });
    await new Promise((resolve) => other.close(resolve));
  });
});
