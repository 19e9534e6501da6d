import { describe, expect, it } from 'vitest';
import { createHttpEndpoint } from '../../../src/agent/http/endpoint.ts';
import { MAX_FOLLOWERS } from '../../../src/agent/http/event-stream.ts';
import { isOurHost, showsToken } from '../../../src/agent/http/gate.ts';
import { accountNamed } from '../control/fake-operations.ts';
import { failureSnapshot } from '../log/events.ts';
import { fakeView, sendRaw, serve } from './http-scene.ts';
import { aDay, anExchange } from './page-facts.ts';

const TOKEN = 'a-long-token';
const down = accountNamed('fax', { state: 'waiting', failure: failureSnapshot('connect.refused', 0) });

/** Reads server-sent events until `enough` of the text. */
async function readEvents(answer: Response, enough: (text: string) => boolean): Promise<string> {
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    if (enough(text)) break;
  }
  return text;
}

describe('the probes', () => {
  it('/livez is well while the process is', async () => {
    const { url } = await serve(fakeView([down]));
    const answer = await fetch(`${url}livez`);
    expect([answer.status, await answer.text()]).toEqual([200, 'ok\n']);
  });

  it('/readyz waits for the first outcome of each account, and stays ready', async () => {
    const fake = fakeView([accountNamed('office', { state: 'registering' }), down]);
    const { url } = await serve(fake);
    expect((await fetch(`${url}readyz`)).status).toBe(503);
    fake.change(accountNamed('office'));
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    fake.change(accountNamed('office', { state: 'registering' }));
    expect((await fetch(`${url}readyz`)).status).toBe(200);
  });

  it('/readyz is over when the agent stops', async () => {
    let state: 'running' | 'stopping' = 'running';
    const { url } = await serve(fakeView([accountNamed('office')], { agent: () => ({ state }) }));
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    state = 'stopping';
    expect((await fetch(`${url}readyz`)).status).toBe(503);
  });

  it('/healthz tells whether all are registered, and which are not', async () => {
    const fake = fakeView([accountNamed('office'), down, accountNamed('lab', { state: 'disabled' })]);
    const { url } = await serve(fake);
    const answer = await fetch(`${url}healthz`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      status: 'failing',
      registered: 1,
      wanted: 2,
      down: [{ account: 'fax', state: 'waiting', failure: { code: 'connect.refused' } }],
    });
    expect((await fetch(`${url}healthz?account=office`)).status).toBe(200);
    expect((await fetch(`${url}healthz?account=fax`)).status).toBe(503);
    expect((await fetch(`${url}healthz?account=lab`)).status).toBe(503);
    expect((await fetch(`${url}healthz?account=nobody`)).status).toBe(404);
    fake.change(accountNamed('fax'));
    expect((await fetch(`${url}healthz`)).status).toBe(200);
  });
});

describe('the API', () => {
  it('lists the accounts as status --json does', async () => {
    const accounts = [accountNamed('office'), down];
    const { url } = await serve(fakeView(accounts));
    const answer = await fetch(`${url}api/v1/accounts`);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await answer.json()).toMatchObject({
      schema: 'sipreg.accounts/1',
      agent: { pid: 4711, registered: 1, enabled: 2 },
      accounts: JSON.parse(JSON.stringify(accounts)),
    });
    expect(await (await fetch(`${url}api/v1/agent`)).json()).toMatchObject({ pid: 4711, registered: 1 });
  });

  it('has ten thousand of them', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => accountNamed(`account-${at}`));
    const { url } = await serve(fakeView(many));
    const { accounts } = (await (await fetch(`${url}api/v1/accounts`)).json()) as { accounts: unknown[] };
    expect(accounts).toHaveLength(10_000);
  });

  it('shows one account with its history and its last exchange', async () => {
    const fake = fakeView([accountNamed('a+b@c')], { history: () => aDay(), exchange: () => anExchange() });
    const { url } = await serve(fake);
    const answer = await fetch(`${url}api/v1/accounts/${encodeURIComponent('a+b@c')}`);
    const detail = (await answer.json()) as Record<string, { bar: unknown[] } & unknown[]>;
    expect(detail.account).toBe('a+b@c');
    expect(detail.history?.bar).toHaveLength(6);
    expect(detail.exchange).toHaveLength(4);
    for (const path of ['nobody', '%E0%A4%A', '..%2f..%2fetc', '__proto__']) {
      expect((await fetch(`${url}api/v1/accounts/${path}`)).status, path).toBe(404);
    }
  });

  it('sends events as they happen, to those who asked for the account', async () => {
    const fake = fakeView([accountNamed('office'), accountNamed('fax')]);
    const { url } = await serve(fake);
    const all = await fetch(`${url}api/v1/events`);
    const one = await fetch(`${url}api/v1/events?account=fax`);
    expect(all.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await expect.poll(() => fake.followers()).toBe(1);
    fake.change(accountNamed('office', { state: 'refreshing' }));
    fake.change(down);
    const heard = await readEvents(all, (text) => text.includes('"type":"failure"'));
    expect(heard).toMatch(/^retry: \d+\nevent: hello\ndata: \{"time":"[^"]+","agent":\{/);
    expect(heard).toContain('data: {"time"');
    expect(heard).toContain('"state":"refreshing"');
    const ofFax = await readEvents(one, (text) => text.includes('"type":"failure"'));
    expect(ofFax).not.toContain('refreshing');
  });

  it('takes a bounded number of followers', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    const gone = new AbortController();
    const follow = () => fetch(`${url}api/v1/events`, { signal: gone.signal });
    const followers = await Promise.all(Array.from({ length: MAX_FOLLOWERS }, follow));
    expect(followers.every(({ status }) => status === 200)).toBe(true);
    const turnedAway = await follow();
    expect([turnedAway.status, turnedAway.headers.get('retry-after')]).toEqual([503, '30']);
    gone.abort();
    await expect.poll(async () => (await fetch(`${url}api/v1/events`)).status).toBe(200);
  });

  it('leaves out what a slow follower did not read, and tells how much', async () => {
    const fake = fakeView([accountNamed('office')]);
    const { url } = await serve(fake);
    const answer = await fetch(`${url}api/v1/events`);
    for (let at = 0; at < 40_000; at++) fake.change(accountNamed('office', { cseq: at }));
    const text = await readEvents(answer, (heard) => /event: lost\ndata: .*\n/.test(heard));
    expect(text).toMatch(/event: lost\ndata: \{"count":\d+\}/);
  });
});

describe('who may ask', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:9724', true],
    ['127.0.0.1', 'localhost', true],
    ['127.0.0.1', '[::1]:80', true],
    ['127.0.0.1', 'monitor.example.com', true],
    ['127.0.0.1', 'MONITOR.example.com:443', true],
    ['127.0.0.1', 'evil.example', false],
    ['127.0.0.1', 'localhost.evil.example', false],
    ['127.0.0.1', '127.0.0.1.evil.example', false],
    ['127.0.0.1', '192.0.2.1', false],
    ['127.0.0.1', 'user@localhost', false],
    ['127.0.0.1', '', false],
    ['127.0.0.1', undefined, false],
    ['192.0.2.1', '192.0.2.1:9724', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', 'localhost', false],
    ['0.0.0.0', '192.0.2.2:9724', true],
    ['::', '[2001:db8::1]', true],
    ['::', 'localhost', true],
    ['::', 'evil.example', false],
    ['pbx.example.com', 'pbx.example.com:9724', true],
  ])('who listens at %s and is asked for as %s: %s', (host, header, isOurs) => {
    expect(isOurHost(header, { host, port: 9724 }, ['monitor.example.com'])).toBe(isOurs);
  });

  it('refuses a foreign Host, as a page with a name of its own would send it', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    for (const host of ['evil.example', 'evil.example:80']) {
      const answer = await sendRaw(url, `GET /api/v1/accounts HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.1 421 /);
      expect(answer).not.toContain('office');
    }
    expect(await sendRaw(url, 'GET /api/v1/accounts HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw(url, 'GET /api/v1/accounts HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /);
  });

  it('needs the token where it has one, for everything that knows accounts', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]), { token: TOKEN });
    const status = async (path: string, authorization?: string): Promise<number> => {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await fetch(`${url}${path}`, { headers });
      await answer.body?.cancel();
      return answer.status;
    };
    const guarded = [
      'metrics',
      'healthz',
      'api/v1/agent',
      'api/v1/accounts',
      'api/v1/accounts/office',
      'api/v1/events',
      'nothing',
    ];
    for (const path of guarded) {
      expect(await status(path), path).toBe(401);
      expect(await status(path, 'Bearer wrong'), path).toBe(401);
      expect(await status(path, `Basic ${TOKEN}`), path).toBe(401);
      expect(await status(path, `Bearer ${TOKEN}`), path).toBe(path === 'nothing' ? 404 : 200);
    }
    for (const path of ['', 'livez', 'page/app.js', 'page/base.css'])
      expect(await status(path), path).toBe(200);
    const answer = await fetch(`${url}metrics`);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="sipreg"');
    expect(await answer.text()).not.toContain(TOKEN);
  });

  it('compares tokens as a whole', () => {
    expect(showsToken('Bearer abc', 'abc')).toBe(true);
    expect(showsToken('bearer  abc', 'abc')).toBe(true);
    for (const header of ['Bearer ab', 'Bearer abcd', 'Bearer', 'abc', '', undefined]) {
      expect(showsToken(header, 'abc')).toBe(false);
    }
  });

  it('does not listen for other hosts without a token, nor with one that nobody can show, nor where somebody else does', async () => {
    const { view, metrics } = fakeView([]);
    const rest = { hosts: [], view, metrics, notify: () => undefined };
    const refusal = async (host: string, port: number, token: string | null): Promise<string> => {
      const started = await createHttpEndpoint({ ...rest, listen: { host, port }, token });
      if (started.ok) await started.value.close();
      return started.ok ? 'it listens' : started.error;
    };
    expect(await refusal('0.0.0.0', 0, null)).toMatch(/needs agent\.httpToken/);
    expect(await refusal('127.0.0.1', 0, '')).toMatch(/must not be empty/);
    for (const token of ['two words', 'two\nlines', 'Schlüssel']) {
      expect(await refusal('127.0.0.1', 0, token), token).toMatch(/httpToken can be shown by nobody/);
    }
    expect(await refusal('0.0.0.0', 0, TOKEN)).toBe('it listens');
    const { url } = await serve(fakeView([]));
    expect(await refusal('127.0.0.1', Number(new URL(url).port), null)).toMatch(
      /another program listens there/,
    );
  });
});

describe('the server', () => {
  it('only reads', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      const answer = await fetch(`${url}api/v1/accounts`, { method });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET, HEAD']);
    }
    const answer = await sendRaw(url, 'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(await sendRaw(url, 'TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
  });

  it('answers HEAD with the headers of GET', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    for (const path of ['', 'metrics', 'healthz', 'api/v1/accounts', 'api/v1/events', 'page/app.js']) {
      const answer = await fetch(`${url}${path}`, { method: 'HEAD' });
      expect([answer.status, await answer.text()], path).toEqual([200, '']);
    }
  });

  it('lets nothing of a page come from elsewhere or stay, and nobody else read it', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    for (const path of ['', 'metrics', 'api/v1/accounts', 'nothing', 'page/app.js']) {
      const { headers } = await fetch(`${url}${path}`, { headers: { origin: 'http://evil.example' } });
      expect(headers.get('content-security-policy'), path).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it.each([
    'page/',
    'page/../endpoint.ts',
    'page/..%2fendpoint.ts',
    'page/tsconfig.json',
    '%2e%2e/x',
    '/evil.example/x',
  ])('has nothing at /%s', async (path) => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    const answer = await sendRaw(
      url,
      `GET /${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('ends what is no HTTP, and what is too long', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    expect(await sendRaw(url, 'REGISTER sip:x SIP/2.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    const long = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`;
    expect(await sendRaw(url, long)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('answers a bounded number of requests that come at once', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    const answer = await sendRaw(url, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000));
    expect(answer.match(/^HTTP\/1\.1 200 /gm)).toHaveLength(100);
    expect((await fetch(`${url}livez`)).status).toBe(200);
  });

  it('ends with everybody who follows', async () => {
    const fake = fakeView([accountNamed('office')]);
    const { view, metrics } = fake;
    const listen = { host: '127.0.0.1', port: 0 };
    const options = { listen, token: null, hosts: [], view, metrics, notify: () => undefined };
    const started = await createHttpEndpoint(options);
    if (!started.ok) throw new Error(started.error);
    const answer = await fetch(`${started.value.url}api/v1/events`);
    const reading = answer.text().catch(() => 'ended');
    await started.value.close();
    expect(typeof (await reading)).toBe('string');
    expect(fake.followers()).toBe(0);
    await expect(fetch(started.value.url)).rejects.toThrow();
  });
});
