// A thousand accounts of one agent at a real Kamailio: all registered, the status told at once, all removed at the end.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control/client.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';
import { computedBy } from './processor-time.ts';

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
  it('are registered, told with 100 ms of a processor, and removed within 10 s', async () => {
    kamailio = await startKamailio({
      users: Object.fromEntries(NAMES.map((name) => [name, `secret-${name}`])),
    });
    const registrar = `sip:127.0.0.1:${kamailio.port}`;
    const accounts = Object.fromEntries(
      NAMES.map((name) => [name, { aor: `sip:${name}@127.0.0.1`, registrar, password: `secret-${name}` }]),
    );
    const config = await home.write('accounts.json', { accounts, agent: { pacing: 250 } });
    const socket = `${home.folder}/agent.sock`;
    const agent = startSipreg(['-q', '-c', config, '--socket', socket, 'run'], { home, timeoutMs: 120_000 });
    const registered = async (): Promise<number | null> => {
      const answer = await askAgent(socket, { command: 'status', accounts: [] }, { timeoutMs: 5_000 });
      return answer.ok ? answer.value.result.agent.registered : null;
    };
    await expect.poll(registered, { timeout: 60_000, interval: 250 }).toBe(COUNT);
    expect(await boundCount()).toBe(COUNT);

    const times: number[] = [];
    for (let round = 0; round < 5; round++) {
      const before = computedBy(agent.pid);
      const answer = await askAgent(socket, { command: 'status', accounts: [] }, { timeoutMs: 5_000 });
      times.push(computedBy(agent.pid) - before);
      expect(answer.ok && answer.value.items).toHaveLength(COUNT);
    }
    // The best of five: a collection of garbage may fall into one.
    expect(Math.min(...times)).toBeLessThan(100);

    const endedAt = performance.now();
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0, stderr: '' });
    expect(performance.now() - endedAt).toBeLessThan(10_000);
    expect(await boundCount()).toBe(0);
  }, 180_000);
});

/** All of them in one question: a thousand at once would wait for each other. */
async function boundCount(): Promise<unknown> {
  const statistics = await kamailio.rpc('stats.fetchn', 'usrloc:location_contacts');
  return (statistics as Readonly<Record<string, number>>)['usrloc.location_contacts'];
}
