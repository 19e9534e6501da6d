// Notices that hang, in a running agent: a command that does not end, a webhook and a heartbeat that never answer. Nobody
// waits for them: registrations go on, and the end comes in time and takes the command along.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { startRegistrar } from '../../src/registrar/server.ts';
import { eventually, receiver } from '../agent/notices/notices-scene.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { temporaryHome } from './command.ts';

/** Tells its process id, and that of what it has started itself, and stays. */
const HANG = 'sleep 600 & echo "$$ $!" > "$1.new"; mv "$1.new" "$1"; wait';

it('that hang hold up no registration and no end', async () => {
  const home = await temporaryHome();
  const registrar = await startRegistrar({ users: { alice: 'secret' } });
  const [hook, beat] = [await receiver(0), await receiver(0)];
  const pids = join(home.folder, 'pids');
  const dead = `sip:127.0.0.1:${await freePort()}`;
  const config = await home.write('accounts.json', {
    accounts: {
      good: {
        aor: 'sip:alice@127.0.0.1',
        registrar: `sip:127.0.0.1:${registrar.ports.udp}`,
        transport: 'udp',
        password: 'secret',
      },
      dead: { aor: 'sip:x@127.0.0.1', registrar: dead, transport: 'tcp', password: 'hunter2' },
    },
    agent: {
      notices: {
        after: 0,
        command: ['/bin/sh', '-c', HANG, 'hang', pids],
        webhook: `${hook.url}/hunter2`,
        heartbeat: { url: `${beat.url}/hunter2`, interval: 10 },
      },
    },
  });
  const scene = agentScene(home, config);
  const agent = await scene.start();
  onTestFinished(async () => {
    await home.remove();
    await registrar.close();
  });
  await untilState(scene, 'good', 'registered');
  await eventually(() => existsSync(pids) && hook.asked.length === 1 && beat.asked.length === 1).toBe(true);

  const before = (await scene.account('good'))?.cseq ?? 0;
  for (let at = 1; at <= 3; at++) {
    expect(await scene.sipreg('refresh', 'good')).toMatchObject({ code: 0 });
    expect((await scene.account('good'))?.cseq).toBeGreaterThanOrEqual(before + at);
  }
  const children = readFileSync(pids, 'utf8').trim().split(' ').map(Number);
  expect(children.map(isThere)).toEqual([true, true]);
  agent.kill('SIGTERM');
  const { code, stderr } = await agent.result;
  expect(code).toBe(0);
  expect(registrar.bindings('alice')).toEqual([]);
  await eventually(() => children.map(isThere)).toEqual([false, false]);
  expect(stderr).not.toMatch(/hunter2|secret/);
}, 60_000);

/** Whether the process runs; one that has ended and that nobody has asked about does not. */
function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
