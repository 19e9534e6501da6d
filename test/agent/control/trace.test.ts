import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { askAgent, followTrace } from '../../../src/agent/control/client.ts';
import { requestLine } from '../../../src/agent/control/protocol.ts';
import type { TraceMessage } from '../../../src/agent/trace/trace-ring.ts';
import { BEGIN, noteIn, noteOf, PROOF } from '../trace/notes.ts';
import { open, PATIENCE, path, readAll, start } from './control-scene.ts';
import { accountNamed, fakeAgent } from './fake-operations.ts';

const ALL = { command: 'trace', accounts: [], last: 1_000, follow: false } as const;

describe('a trace', () => {
  it('is asked for by account and number, and holds no proof', async () => {
    const agent = fakeAgent({ accounts: [accountNamed('office'), accountNamed('lab')] });
    await start(agent);
    for (const account of ['office', 'lab', null]) noteIn(agent.trace, noteOf({ account }));
    const all = await askAgent(path, ALL, PATIENCE);
    expect(all).toMatchObject({
      value: { items: [{ account: 'office' }, { account: 'lab' }, { account: null }] },
    });
    expect(JSON.stringify(all)).not.toContain(PROOF);
    const one = await askAgent(path, { ...ALL, accounts: ['lab'] }, PATIENCE);
    expect(one).toMatchObject({ value: { items: [{ account: 'lab' }] } });
    expect(await askAgent(path, { ...ALL, last: 0 }, PATIENCE)).toMatchObject({ value: { items: [] } });
    expect(await askAgent(path, { ...ALL, accounts: ['nobody'] }, PATIENCE)).toMatchObject({
      error: { code: 'unknown-account' },
    });
  });

  it.each([undefined, -1, 1.5, '5', null])('of the last %s is refused', async (last) => {
    await start(fakeAgent());
    const client = await open();
    const line = JSON.stringify({ protocol: 'sipreg.control/1', id: 1, ...ALL, last });
    client.write(`${line}\n`);
    expect(await readAll(client)).toContain('"code":"malformed"');
  });

  it('that is followed goes on with what comes, until the follower goes', async () => {
    const agent = fakeAgent();
    await start(agent);
    noteIn(agent.trace, noteOf({ time: BEGIN }));
    noteIn(agent.trace, noteOf({ time: BEGIN + 1 }));
    const end = new AbortController();
    const heard: string[] = [];
    const tell = ({ time, account }: TraceMessage): void =>
      void heard.push(`${account} ${time.slice(20, 23)}`);
    const following = followTrace(
      path,
      { accounts: ['office'], last: 1 },
      {
        started: ({ items }) => {
          items.forEach(tell);
          noteIn(agent.trace, noteOf({ time: BEGIN + 2, account: null }));
          noteIn(agent.trace, noteOf({ time: BEGIN + 3 }));
        },
        event: (message) => {
          tell(message);
          end.abort();
        },
        lost: () => heard.push('lost'),
      },
      { ...PATIENCE, signal: end.signal },
    );
    expect(await following).toBeNull();
    expect(heard).toEqual(['office 001', 'office 003']);
  });

  it('that nobody reads holds nobody up, and ends with the agent', async () => {
    const agent = fakeAgent();
    const server = await start(agent);
    const slow = await open();
    slow.write(requestLine(1, { ...ALL, follow: true }));
    await once(slow.setEncoding('utf8'), 'data');
    slow.pause();
    for (let at = 0; at < 5_000; at++) noteIn(agent.trace, noteOf());
    expect((await askAgent(path, { ...ALL, last: 1 }, PATIENCE)).ok).toBe(true);
    let text = '';
    slow.on('data', (part: string) => {
      text += part;
    });
    slow.resume();
    await expect.poll(() => text, { timeout: 5000 }).toContain('"type":"lost"');
    await server.close();
  });
});
