import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failUrl } from '../../../src/agent/notices/heartbeat.ts';
import { accountNamed } from '../control/fake-operations.ts';
import { fakeView } from '../http/http-scene.ts';
import { begin, eventually, isDown, receiver, scratch } from './notices-scene.ts';

/** A program that writes what it was given, whole or not at all. */
const NOTE = 'env | grep ^SIPREG_ | sort > "$1.new"; env >> "$1.all"; mv "$1.new" "$1"';

describe('a command', () => {
  it('gets the facts in its environment, and nothing of what the agent keeps there', async () => {
    const path = join(scratch(), 'note');
    const fake = fakeView([accountNamed('office')]);
    const command = ['/bin/sh', '-c', NOTE, 'note', path];
    begin(fake, { command }, { PHONE_PASSWORD: 'hunter2', LANG: 'C' });
    fake.change(isDown('office'));
    await eventually(() => existsSync(path)).toBe(true);
    const facts = readFileSync(path, 'utf8');
    for (const fact of [
      'SIPREG_EVENT=down',
      'SIPREG_ACCOUNT=office',
      'SIPREG_ACCOUNTS=office',
      'SIPREG_COUNT=1',
      'SIPREG_STATE=waiting',
      'SIPREG_CODE=connect.refused',
      'SIPREG_CAUSE=192.0.2.7:5061 refused the connection',
      'SIPREG_AOR=sip:office@pbx.example.com',
      'SIPREG_REGISTERED=0',
      'SIPREG_ENABLED=1',
      'SIPREG_TEXT=office is down: 192.0.2.7:5061 refused the connection (connect.refused)',
    ]) {
      expect(facts.split('\n')).toContain(fact);
    }
    expect(readFileSync(`${path}.all`, 'utf8')).not.toMatch(/hunter2|PHONE_PASSWORD/);
  });

  it('is run without a shell', async () => {
    const folder = scratch();
    const fake = fakeView([accountNamed('office')]);
    const told = begin(fake, { command: ['/bin/echo', `$(touch ${folder}/x); touch ${folder}/y`] });
    fake.change(isDown('office'));
    await eventually(() => told.length).toBe(1);
    expect(told).toMatchObject([{ severity: 'debug', code: 'notices.command' }]);
    expect([existsSync(`${folder}/x`), existsSync(`${folder}/y`)]).toEqual([false, false]);
  });

  it('that fails, or that there is not, is told with what it said', async () => {
    const fake = fakeView([accountNamed('office')]);
    const failing = begin(fake, { command: ['/bin/sh', '-c', 'echo "no \x1b[31mmodem" >&2; exit 3'] });
    const missing = begin(fake, { command: ['/nowhere/notify'] });
    fake.change(isDown('office'));
    await eventually(() => failing.length + missing.length).toBe(2);
    expect(failing[0]).toMatchObject({ severity: 'warning', code: 'notices.command' });
    expect(failing[0]?.text).toMatch(/\/bin\/sh ended with status 3: no +\[31mmodem$/);
    expect(missing[0]?.text).toMatch(/\/nowhere\/notify cannot be run: it does not exist/);
  });

  it('is told once of a crowd', async () => {
    const folder = scratch();
    const names = Array.from({ length: 500 }, (_, at) => `line-${at}`);
    const fake = fakeView(names.map((name) => accountNamed(name)));
    begin(fake, {
      command: ['/bin/sh', '-c', 'echo "$SIPREG_COUNT $SIPREG_TEXT" >> "$1"', 'note', `${folder}/note`],
    });
    for (const name of names) fake.change(isDown(name));
    const text = () => (existsSync(`${folder}/note`) ? readFileSync(`${folder}/note`, 'utf8') : '');
    await eventually(text).toMatch(/^500 500 accounts are down: line-0, .*, …\n$/);
  });
});

describe('a webhook', () => {
  it('whose URL cannot be read is told at once, not at the outage', async () => {
    const told = begin(fakeView([]), { webhook: { type: 'env', variable: 'NO_URL' } });
    await expect
      .poll(() => told)
      .toMatchObject([
        {
          severity: 'warning',
          code: 'notices.webhook',
          text: 'agent.notices.webhook cannot be told anything: the environment variable NO_URL is not set',
        },
      ]);
  });

  it('gets each notice as JSON, of trouble and of its end', async () => {
    const { url, asked } = await receiver(200);
    const fake = fakeView([accountNamed('office')]);
    const told = begin(fake, { webhook: { type: 'literal', text: `${url}/hook?key=secret` } });
    fake.change(isDown('office'));
    await eventually(() => asked.length).toBe(1);
    fake.change(accountNamed('office'));
    await eventually(() => asked.length).toBe(2);
    const [down, up] = asked.map(({ body }) => JSON.parse(body));
    expect(asked[0]).toMatchObject({ method: 'POST', path: '/hook?key=secret' });
    expect(asked[0]?.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(down).toMatchObject({
      schema: 'sipreg.notice/1',
      event: 'down',
      count: 1,
      accounts: [{ account: 'office', state: 'waiting', failure: { code: 'connect.refused' } }],
      agent: { registered: 0, enabled: 1 },
    });
    expect(up).toMatchObject({
      event: 'up',
      text: expect.stringMatching(/^office is registered again after \d+ s$/),
    });
    expect(told).toEqual([]);
  });

  it('is tried again, and its URL is read again', async () => {
    const { url, asked } = await receiver(503, 200);
    const path = join(scratch(), 'url');
    writeFileSync(path, `${url}/old\n`);
    const fake = fakeView([accountNamed('office')]);
    const told = begin(fake, { webhook: { type: 'file', path } });
    fake.change(isDown('office'));
    await eventually(() => asked.length).toBe(1);
    writeFileSync(path, `${url}/new\n`);
    await eventually(() => asked.length).toBe(2);
    expect(asked.map((one) => one.path)).toEqual(['/old', '/new']);
    expect(asked[1]?.body).toBe(asked[0]?.body);
    expect(told).toEqual([]);
  });

  it.each([
    [404, /answered 404/],
    [302, /answered 302/],
  ])('that answers %s is given up, and no word about it holds its URL', async (status, words) => {
    const { url, asked } = await receiver(status);
    const fake = fakeView([accountNamed('office')]);
    const told = begin(fake, { webhook: { type: 'literal', text: `${url}/secret-path?key=secret` } });
    fake.change(isDown('office'));
    await eventually(() => told.length).toBe(1);
    expect(told[0]).toMatchObject({ severity: 'warning', code: 'notices.webhook' });
    expect(told[0]?.text).toMatch(words);
    expect(told[0]?.text).not.toContain('secret');
    expect(asked).toHaveLength(1);
  });

  it.each(['tls.peer-expiring', 'tls.certificate-expiring'])(
    'is told of a certificate near its end: %s',
    async (code) => {
      const { url, asked } = await receiver(200);
      const fake = fakeView([accountNamed('office')]);
      begin(fake, { webhook: { type: 'literal', text: url } });
      const text = 'the certificate of 192.0.2.7:5061 ("pbx.example.com") expires in 6 days';
      const time = '2026-11-21T08:00:00.000Z';
      fake.emit({
        time,
        severity: 'error',
        type: 'warning',
        account: null,
        code: 'tls.material-doubtful',
        text: 'x',
      });
      fake.emit({ time, severity: 'error', type: 'warning', account: null, code, text });
      await eventually(() => asked.length).toBe(1);
      expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({
        event: 'certificate',
        time,
        text,
        certificates: [text],
        count: 0,
        accounts: [],
      });
    },
  );

  it('is told of what is wrong with the agent itself, once, and of its end', async () => {
    const { url, asked } = await receiver(200);
    let problems: readonly string[] = [];
    const fake = fakeView([accountNamed('office')], { agent: () => ({ problems }) });
    const told = begin(fake, { webhook: { type: 'literal', text: url } });
    const warn = (code: string) =>
      fake.emit({ time: '', severity: 'warning', type: 'warning', account: null, code, text: code });
    warn('agent.warning');
    problems = ['state.json: ENOSPC, no space left'];
    warn('state.unwritable');
    warn('agent.warning');
    await eventually(() => asked.length).toBe(1);
    problems = [];
    warn('state.writable');
    await eventually(() => asked.length).toBe(2);
    expect(asked.map(({ body }) => JSON.parse(body))).toMatchObject([
      {
        event: 'trouble',
        text: 'the agent has a problem: state.json: ENOSPC, no space left',
        troubles: ['state.json: ENOSPC, no space left'],
        accounts: [],
        agent: { registered: 1 },
      },
      { event: 'trouble-over', text: 'the agent has no problem any more', troubles: [] },
    ]);
    expect(told).toEqual([]);
  });

  it('is not told of what goes down with the agent', async () => {
    const { url, asked } = await receiver(200);
    const fake = fakeView([accountNamed('office'), accountNamed('fax')]);
    begin(fake, { webhook: { type: 'literal', text: url } });
    fake.change(isDown('fax'));
    await eventually(() => asked.length).toBe(1);
    fake.emit({ time: '', severity: 'notice', type: 'agent', code: 'agent.stopping', text: '' });
    fake.change(isDown('office'));
    // Longer than the first notice was held back.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(asked).toHaveLength(1);
  });

  it('that is silent holds nobody up, and is left at the end', async () => {
    const { url, asked } = await receiver(0);
    const fake = fakeView([accountNamed('office'), accountNamed('fax')]);
    const told = begin(fake, { webhook: { type: 'literal', text: url } });
    fake.change(isDown('office'));
    await eventually(() => asked.length).toBe(1);
    fake.change(isDown('fax'));
    expect(told).toEqual([]);
  });
});

describe('a heartbeat', () => {
  const heartbeat = (text: string, intervalSeconds = 1) =>
    ({ url: { type: 'literal', text }, intervalSeconds }) as const;

  it('comes again and again, but not more often than five times in a minute', async () => {
    const { url, asked } = await receiver(200);
    begin(fakeView([accountNamed('office')]), { heartbeat: heartbeat(url, 0.1) });
    await eventually(() => asked.length).toBe(5);
    // Longer than ten intervals.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(asked).toHaveLength(5);
  });

  it('comes while all is well, with /fail at once when it is not, and again', async () => {
    const { url, asked } = await receiver(200);
    const fake = fakeView([accountNamed('office'), accountNamed('lab', { state: 'disabled' })]);
    begin(fake, { heartbeat: heartbeat(`${url}/ping/uuid?create=1`, 3_600) });
    await eventually(() => asked.at(-1)?.path).toBe('/ping/uuid?create=1');
    fake.change(isDown('office'));
    await eventually(() => asked.at(-1)?.path).toBe('/ping/uuid/fail?create=1');
    expect(asked.at(-1)?.body).toBe(
      '0 of 1 registered\noffice: waiting, connect.refused: 192.0.2.7:5061 refused the connection',
    );
    fake.change(accountNamed('office'));
    await eventually(() => asked.at(-1)?.path).toBe('/ping/uuid?create=1');
  });

  it('says nothing before it knows', async () => {
    const { url, asked } = await receiver(200);
    const fake = fakeView([accountNamed('office', { state: 'registering' })]);
    begin(fake, { heartbeat: heartbeat(url, 0.1), afterSeconds: 3_600 });
    const starting = fakeView([], { agent: () => ({ state: 'starting' }) });
    begin(starting, { heartbeat: heartbeat(url, 0.1) });
    fake.change(isDown('office'));
    // As long as ten beats take.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(asked).toEqual([]);
  });

  it('that does not arrive is told without its URL', async () => {
    const { url } = await receiver(500);
    const fake = fakeView([accountNamed('office')]);
    const told = begin(fake, { heartbeat: heartbeat(`${url}/secret`) });
    await eventually(() => told.length).toBeGreaterThanOrEqual(1);
    expect(told[0]?.code).toBe('notices.heartbeat');
    expect(told[0]?.text).toMatch(/did not arrive: http:\/\/127\.0\.0\.1:\d+ answered 500$/);
  });

  it.each([
    ['https://hc-ping.com/uuid', 'https://hc-ping.com/uuid/fail'],
    ['https://hc-ping.com/key/slug?create=1', 'https://hc-ping.com/key/slug/fail?create=1'],
    ['https://hc-ping.com/uuid/', 'https://hc-ping.com/uuid/fail'],
  ])('of %s fails at %s', (url, failing) => {
    expect(failUrl(new URL(url)).href).toBe(failing);
  });
});
