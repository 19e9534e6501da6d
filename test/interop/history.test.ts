// What an agent remembers of its accounts: uptime in `status ACCOUNT` and its JSON, over a restart and an outage.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';

let home: Home;
let registrar: RunningRegistrar;

beforeEach(async () => {
  home = await temporaryHome();
  registrar = await startRegistrar({ users: { alice: 'secret', bob: 'secret' } });
});

afterEach(async () => {
  await home.remove();
  await registrar.close();
});

describe('the history of an agent', () => {
  it('counts the time that it was registered, and not the time without an agent', async () => {
    const server = `sip:127.0.0.1:${registrar.ports.udp}`;
    const entry = { registrar: server, transport: 'udp', password: 'secret' };
    const config = await home.write('accounts.json', {
      accounts: {
        a: { aor: 'sip:alice@127.0.0.1', ...entry },
        b: { aor: 'sip:bob@127.0.0.1', ...entry, password: 'wrong', retry: { credentialAttempts: 1 } },
      },
    });
    const scene = agentScene(home, config);
    const uptimeOf = async (name: string) =>
      JSON.parse((await scene.sipreg('status', name, '--json')).stdout).accounts[0].uptime;

    const agent = await scene.start();
    await untilState(scene, 'a', 'registered');
    await untilState(scene, 'b', 'blocked');
    await sleep(2_100);
    const first = await uptimeOf('a');
    expect(first.day.up).toBeGreaterThanOrEqual(2);
    expect(first.day.down).toBeLessThanOrEqual(1);
    expect(first.day.up + first.day.down + first.day.resting + first.day.unknown).toBeCloseTo(86_400, -1);
    expect(await uptimeOf('b')).toMatchObject({ week: { ratio: 0, up: 0 } });
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    const file = join(home.folder, 'state', 'sipreg', 'history.ndjson');
    expect((await stat(file)).mode & 0o777).toBe(0o600);

    await sleep(1_500);
    await scene.start();
    await untilState(scene, 'a', 'registered');
    const second = await uptimeOf('a');
    expect(second.day.up).toBeGreaterThanOrEqual(first.day.up);
    // Neither the end nor the time in between nor the new start counts as an outage.
    expect(second.day.down).toBeLessThanOrEqual(2);
    const text = (await scene.sipreg('status', 'a')).stdout;
    expect(text).toMatch(
      /^ {2}uptime +\d+(\.\d+)? % of 24 h, \d+(\.\d+)? % of 7 d; of 23 h 59 min of the last 24 h/m,
    );
  });
});
