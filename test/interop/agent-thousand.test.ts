// A thousand accounts of one agent at a real Kamailio: all registered, the status told at once, all removed at the end.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control/client.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

const COUNT = 1_000;
const NAMES = Array.from({ length: COUNT }, (_, index) => `u${index}`);

let kamailio: Kamailio;
let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(async () => {
  await kamailio?.stop();
  await home.remove();
});

describe.skipIf(!isInstalled('kamailio'))(`a thousand accounts${missingPrograms('kamailio')}`, () => {
  it('are registered, told within 100 ms, and removed within 10 s', async () => {
    kamailio = await startKamailio({
      users: Object.fromEntries(NAMES.map((name) => [name, `secret-${name}`])),
    });
    const registrar = `sip:127.0.0.1:${kamailio.port}`;
    const accounts = Object.fromEntries(
      NAMES.map((name) => [name, { aor: `sip:${name}@127.0.0.1`, registrar, password: `secret-${name}` }]),
    );
    const config = await home.write('accounts.json', { accounts, agent: { pacing: 250 } });
    const socket = `${home.folder}/agent.sock`;
    const agent = startSipreg(['-q', '-c', config, '--socket', socket, 'run'], { home, timeoutMs: 60_000 });
    const registered = async (): Promise<number | null> => {
      const answer = await askAgent(socket, { command: 'status', accounts: [] }, { timeoutMs: 5_000 });
      return answer.ok ? answer.value.result.agent.registered : null;
    };
    await expect.poll(registered, { timeout: 30_000, interval: 250 }).toBe(COUNT);
    expect(await boundCount()).toBe(COUNT);

    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const askedAt = performance.now();
      const answer = await askAgent(socket, { command: 'status', accounts: [] }, { timeoutMs: 5_000 });
      times.push(performance.now() - askedAt);
      expect(answer.ok && answer.value.items).toHaveLength(COUNT);
    }
    // The best of five: the machine may be busy with something else.
    expect(Math.min(...times)).toBeLessThan(100);

    const endedAt = performance.now();
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0, stderr: '' });
    expect(performance.now() - endedAt).toBeLessThan(10_000);
    expect(await boundCount()).toBe(0);
  }, 90_000);
});

async function boundCount(): Promise<number> {
  const bound = await Promise.all(NAMES.map(async (name) => (await kamailio.bindings(name)).length));
  return bound.reduce((sum, count) => sum + count, 0);
}
