import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { askAgent, followAgent } from '../../../src/agent/control/client.ts';
import { MAX_REQUEST_LENGTH, requestLine } from '../../../src/agent/control/protocol.ts';
import { MAX_CLIENTS } from '../../../src/agent/control/server.ts';
import type { AgentEvent } from '../../../src/agent/events.ts';
import { clients, closed, open, PATIENCE, path, readAll, SHORT, start, status } from './control-scene.ts';
import { AGENT, accountNamed, fakeAgent } from './fake-operations.ts';

const EVENT: AgentEvent = {
  time: '2026-11-21T10:00:00.000Z',
  severity: 'notice',
  type: 'agent',
  code: 'agent.test',
  text: 'something happened',
};

describe('questions', () => {
  it('get the accounts and the agent; named ones in full', async () => {
    await start(fakeAgent({ accounts: [accountNamed('office'), accountNamed('lab')] }));
    expect(await status()).toEqual({
      ok: true,
      value: { items: [accountNamed('office'), accountNamed('lab')], result: { agent: AGENT } },
    });
    const named = await askAgent(path, { command: 'status', accounts: ['lab'] }, PATIENCE);
    expect(named).toMatchObject({ value: { items: [{ account: 'lab', events: [{ text: 'it came up' }] }] } });
  });

  it('about unknown accounts name the nearest one', async () => {
    const agent = fakeAgent();
    await start(agent);
    expect(await askAgent(path, { command: 'refresh', accounts: ['offce'] }, PATIENCE)).toEqual({
      ok: false,
      error: {
        type: 'refused',
        code: 'unknown-account',
        message: 'the running agent has no account "offce"; did you mean "office"?',
      },
    });
    expect(agent.asked).toEqual([]);
  });

  it('who owns what: known and enabled accounts', async () => {
    await start(
      fakeAgent({ accounts: [accountNamed('office'), accountNamed('old', { state: 'disabled' })] }),
    );
    const request = { command: 'owner', accounts: ['old', 'office', 'unknown'] } as const;
    expect(await askAgent(path, request, PATIENCE)).toMatchObject({
      value: { result: { owned: ['office'] } },
    });
  });

  it('that are commands wait for their outcome', async () => {
    const agent = fakeAgent();
    const release = agent.hold();
    await start(agent);
    let isAnswered = false;
    const answer = askAgent(path, { command: 'refresh', accounts: ['office'] }, PATIENCE);
    void answer.then(() => {
      isAnswered = true;
    });
    await expect.poll(() => agent.asked).toEqual(['refresh office']);
    expect((await status()).ok).toBe(true);
    expect(isAnswered).toBe(false);
    release();
    expect(await answer).toMatchObject({ value: { items: [{ account: 'office', ok: true }] } });
  });

  it('to reload bring its outcome', async () => {
    await start(fakeAgent({ reload: { ok: false, problems: ['a.json:1:1: wrong'] } }));
    const answer = await askAgent(path, { command: 'reload' }, PATIENCE);
    expect(answer).toMatchObject({ value: { result: { ok: false, problems: ['a.json:1:1: wrong'] } } });
  });

  it('that meet a bug are told so, and the agent goes on', async () => {
    const agent = fakeAgent();
    const reload = (): never => {
      throw new Error('broken promise');
    };
    await start({ ...agent, operations: { ...agent.operations, reload } });
    const answer = await askAgent(path, { command: 'reload' }, PATIENCE);
    expect(answer).toMatchObject({
      error: { code: 'internal', message: 'a bug in the agent: broken promise' },
    });
    expect((await status()).ok).toBe(true);
  });

  it('of 200 clients at once about 1,000 accounts are all answered', { timeout: 60_000 }, async () => {
    await start(fakeAgent({ accounts: Array.from({ length: 1000 }, (_, at) => accountNamed(`a${at}`)) }));
    // How fast that goes depends on what else the machine does.
    const patience = { timeoutMs: 50_000 };
    const ask = () => askAgent(path, { command: 'status', accounts: [] }, patience);
    const answers = await Promise.all(Array.from({ length: 200 }, ask));
    expect(answers.map((answer) => answer.ok && answer.value.items.length)).toEqual(Array(200).fill(1000));
  });
});

describe('followers', () => {
  it('get the accounts, then every event but SIP messages, until they go', async () => {
    const agent = fakeAgent();
    await start(agent);
    const end = new AbortController();
    const heard: unknown[] = [];
    const following = followAgent(
      path,
      [],
      {
        started: ({ items }) => {
          heard.push(items.map(({ account }) => account));
          const address = { address: '192.0.2.1', port: 5060 };
          const { time } = EVENT;
          agent.emit({
            time,
            severity: 'debug',
            type: 'message',
            account: null,
            direction: 'sent',
            transport: 'udp',
            local: address,
            remote: address,
            text: '',
          });
          agent.emit(EVENT);
        },
        event: (event) => {
          heard.push(event);
          end.abort();
        },
        lost: () => heard.push('lost'),
      },
      { ...PATIENCE, signal: end.signal },
    );
    expect(await following).toBeNull();
    expect(heard).toEqual([['office'], EVENT]);
  });

  it('that do not read are told how many events they missed, and hold nobody up', async () => {
    const agent = fakeAgent();
    await start(agent);
    const slow = await open();
    slow.write(requestLine(1, { command: 'follow', accounts: [] }));
    await once(slow.setEncoding('utf8'), 'data');
    slow.pause();
    const count = 20_000;
    for (let at = 0; at < count; at++) agent.emit({ ...EVENT, text: 'x'.repeat(500) });
    expect((await status()).ok).toBe(true);
    let text = '';
    slow.on('data', (part: string) => {
      text += part;
    });
    slow.resume();
    await expect.poll(() => text, { timeout: 5000 }).toContain('"type":"lost"');
    const lost = /"type":"lost","count":(\d+)/.exec(text)?.[1];
    expect(text.split('"type":"event"').length - 1 + Number(lost)).toBe(count);
    expect(Number(lost)).toBeGreaterThan(count / 2);
  });

  it('learn of the end of the agent', async () => {
    const server = await start(fakeAgent());
    let hasStarted = false;
    const following = followAgent(
      path,
      [],
      {
        started: () => {
          hasStarted = true;
        },
        event: () => {},
        lost: () => {},
      },
      { ...PATIENCE, signal: new AbortController().signal },
    );
    await expect.poll(() => hasStarted).toBe(true);
    await server.close();
    expect(await following).toBeNull();
  });
});

describe('hostile clients', () => {
  it('that send garbage are told so and let go', async () => {
    await start(fakeAgent());
    const client = await open();
    client.write('GET / HTTP/1.1\r\n\r\n');
    expect(await readAll(client)).toContain('"code":"malformed"');
  });

  it('that send too long a line are told so, and one of 10 MB is not read to its end', async () => {
    await start(fakeAgent());
    const long = await open();
    long.write('x'.repeat(MAX_REQUEST_LENGTH + 1));
    expect(await readAll(long)).toContain('"code":"too-long"');
    const longer = await open();
    longer.write(Buffer.alloc(10 * 1024 * 1024, 'x'));
    await readAll(longer);
    expect((await status()).ok).toBe(true);
  });

  it('that close their side still get their answer', async () => {
    await start(fakeAgent());
    const client = await open();
    client.end(requestLine(1, { command: 'status', accounts: [] }));
    expect(await readAll(client)).toContain('"type":"done"');
  });

  it('that close their side in the middle of a request are told so', async () => {
    await start(fakeAgent());
    const client = await open();
    client.end('{"protocol"');
    expect(await readAll(client)).toContain('"code":"malformed"');
  });

  it('that hang, or send letter by letter for ever, are let go in time', async () => {
    await start(fakeAgent(), { limits: SHORT });
    const silent = await open();
    const dripping = await open();
    const drip = setInterval(() => dripping.write('x'), 20);
    const answers = await Promise.all([readAll(silent), readAll(dripping)]);
    clearInterval(drip);
    for (const answer of answers) expect(answer).toContain('"code":"timeout"');
  });

  it('that do not read their answer are let go in time', async () => {
    const accounts = Array.from({ length: 3000 }, (_, at) => accountNamed(`a${at}`));
    await start(fakeAgent({ accounts }), { limits: SHORT });
    const client = await open();
    client.pause();
    client.write(requestLine(1, { command: 'status', accounts: [] }));
    // A write is the only way to learn of it without reading.
    const beat = setInterval(() => client.write('\n'), 50);
    await closed(client);
    clearInterval(beat);
    expect(client.destroyed).toBe(true);
  });

  it('that go in the middle of a wait leave nothing behind', async () => {
    const agent = fakeAgent();
    const release = agent.hold();
    const server = await start(agent);
    const client = await open();
    client.write(requestLine(1, { command: 'refresh', accounts: ['office'] }));
    await expect.poll(() => agent.asked).toHaveLength(1);
    client.destroy();
    release();
    expect((await status()).ok).toBe(true);
    await server.close();
    expect(agent.followers()).toBe(0);
  });

  it('in their hundreds keep nobody out, and too many are told so', async () => {
    await start(fakeAgent());
    for (let at = 0; at < 300; at++) await open();
    expect((await status()).ok).toBe(true);
    for (let at = 300; at < MAX_CLIENTS; at++) await open();
    expect(await status()).toMatchObject({ error: { type: 'refused', code: 'busy' } });
    clients[0]?.destroy();
    await expect.poll(async () => (await status()).ok).toBe(true);
  });

  it('get the answers of several requests in their order', async () => {
    await start(fakeAgent());
    const client = await open();
    const ids = [1, 2, 3];
    client.end(ids.map((id) => requestLine(id, { command: 'owner', accounts: ['office'] })).join(''));
    const lines = (await readAll(client)).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(ids);
  });
});
