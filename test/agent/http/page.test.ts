import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createHttpEndpoint } from '../../../src/agent/http/endpoint.ts';
import type { AgentSnapshot } from '../../../src/agent/operations.ts';
import { accountNamed } from '../control/fake-operations.ts';
import { type FakeView, fakeView, serve } from './http-scene.ts';
import { aDay, anExchange, failureIn, liveAccount, someAccounts, someEvents, UPTIME } from './page-facts.ts';
import { FOCUSED, LOW_CONTRAST, OVERFLOW } from './page-measures.ts';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const isThere = existsSync(CHROMIUM);
const missing = isThere ? '' : ' (skipped: apt-get install chromium)';

/** Looked at again and again, for as long as a busy machine may take. */
const eventually = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 15_000 });

describe.skipIf(!isThere)(`the status page in Chromium${missing}`, () => {
  let context: BrowserContext;
  let profile: string;

  beforeAll(async () => {
    profile = mkdtempSync(join(tmpdir(), 'sipreg-chromium-'));
    context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      headless: true,
      args: FLAGS.split(' '),
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(10_000);
  });

  afterAll(async () => {
    await context?.close();
    rmSync(profile, { recursive: true, force: true });
  });

  /** A page of its own; whatever the browser complains about, or asks elsewhere, fails the test. */
  async function open(url: string, allowed: RegExp = /^$/): Promise<Page> {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin)
        complaints.push(`asked for ${request.url()}`);
    });
    onTestFinished(async () => {
      await page.close();
      expect(complaints.filter((text) => !allowed.test(text))).toEqual([]);
    });
    await page.goto(url);
    return page;
  }

  function livelyAgent(agent: () => Partial<AgentSnapshot> = () => ({})): FakeView {
    const [history, exchange] = [aDay(), anExchange()];
    return fakeView(someAccounts(), {
      agent,
      history: () => history,
      events: () => someEvents(),
      exchange: () => exchange,
      uptime: UPTIME,
    });
  }

  const rowOf = (page: Page, name: string) => page.locator(`tr[data-account="${name}"]`);

  it('shows each account with its facts, and what needs somebody first', async () => {
    const { url } = await serve(livelyAgent());
    const page = await open(url);
    await page.locator('tbody tr').first().waitFor();
    expect(await page.locator('h1').textContent()).toBe('4 of 8 registered');
    expect(await page.locator('#summary-note').textContent()).toBe(
      '2 down · 1 starting · 1 with a warning · 1 paused · 1 disabled',
    );
    const names = await page.locator('tbody th a').allTextContents();
    expect(names).toEqual(
      'fax trunk-berlin conference reception office warehouse door-phone holiday-line lab'.split(' '),
    );
    const office = (await rowOf(page, 'office').locator('th, td').allTextContents()).join(' | ');
    expect(office).toMatch(
      /^officesip:office@pbx\.example\.com \| Registeredfor 3 h 12 min \| 3:\d\d \| in 2:\d\d \| 34 ms \| – \| pbx\.example\.comtls 192\.0\.2\.7:5061 \| 203\.0\.113\.5:40112 \| 60 days$/,
    );
    expect(await rowOf(page, 'fax').textContent()).toContain('user name or password is wrong');
    const before = await rowOf(page, 'office').locator('[data-column="expires"]').textContent();
    await eventually(() => rowOf(page, 'office').locator('[data-column="expires"]').textContent()).not.toBe(
      before,
    );
    expect(await page.title()).toBe('2 down · sipreg');
  });

  it('follows the agent, and tells those who hear the page', async () => {
    let problems: readonly string[] = [];
    const fake = livelyAgent(() => ({ problems }));
    const { url } = await serve(fake);
    const page = await open(url);
    await rowOf(page, 'office').waitFor();
    const cause = '192.0.2.7:5060 refused the connection';
    fake.change(
      liveAccount('warehouse', {
        state: 'waiting',
        expires: null,
        failure: failureIn('connect.refused', cause, 0),
      }),
    );
    await eventually(() => rowOf(page, 'warehouse').textContent()).toContain(cause);
    expect(await page.locator('h1').textContent()).toBe('3 of 8 registered');
    await eventually(() => page.locator('#news').textContent()).toBe(
      'warehouse: Waiting to retry. 3 of 8 registered.',
    );
    fake.change(liveAccount('warehouse'));
    await eventually(() => page.locator('h1').textContent()).toBe('4 of 8 registered');
    fake.remove('lab');
    await eventually(() => rowOf(page, 'lab').count()).toBe(0);
    problems = ['state.json: ENOSPC, no space left'];
    const text = problems[0] ?? '';
    fake.emit({
      time: '',
      severity: 'warning',
      type: 'warning',
      account: null,
      code: 'state.unwritable',
      text,
    });
    await page.getByRole('alert').getByText(text).waitFor();
  });

  it('says so when the agent is gone, and goes on when it is back', async () => {
    const fake = livelyAgent();
    const { view, metrics } = fake;
    const begin = async (port: number) => {
      const rest = { token: null, hosts: [], view, metrics, notify: () => undefined };
      const started = await createHttpEndpoint({ listen: { host: '127.0.0.1', port }, ...rest });
      if (!started.ok) throw new Error(started.error);
      return started.value;
    };
    const first = await begin(0);
    const page = await open(first.url, /ERR_/);
    await rowOf(page, 'office').waitFor();
    await first.close();
    await eventually(() => page.locator('#link-text').textContent()).toMatch(
      /^no agent since \d\d:\d\d:\d\d$/,
    );
    expect(await rowOf(page, 'office').count()).toBe(1);
    fake.change(accountNamed('office', { state: 'paused' }));
    const second = await begin(Number(new URL(first.url).port));
    onTestFinished(() => second.close());
    await eventually(() => page.locator('#link-text').textContent()).toBe('live');
    await eventually(() => rowOf(page, 'office').textContent()).toContain('Paused');
  });

  it('is filtered, searched and put in order by keyboard, with a table that a screen reader knows', async () => {
    const { url } = await serve(livelyAgent());
    const page = await open(url);
    await rowOf(page, 'office').waitFor();
    const names = () => page.locator('tbody th a').allTextContents();
    await page.getByRole('button', { name: 'Down 2' }).focus();
    await page.keyboard.press('Enter');
    expect(await names()).toEqual(['fax', 'trunk-berlin']);
    expect(await page.getByRole('button', { name: 'Down 2' }).getAttribute('aria-pressed')).toBe('true');
    await page.getByRole('button', { name: 'All 9' }).press('Space');
    await page.getByRole('searchbox', { name: 'Find' }).fill('berlin tls');
    expect(await names()).toEqual([]);
    expect(await page.locator('.empty').textContent()).toBe('No account is like that.');
    await page.getByRole('searchbox', { name: 'Find' }).fill('carrier timeout');
    expect(await names()).toEqual(['trunk-berlin']);
    await page.getByRole('searchbox', { name: 'Find' }).fill('');
    const header = page.getByRole('columnheader', { name: 'Round trip' });
    await header.getByRole('button').press('Enter');
    expect(await header.getAttribute('aria-sort')).toBe('ascending');
    expect((await names()).slice(0, 4)).toEqual(['warehouse', 'office', 'door-phone', 'reception']);
    await header.getByRole('button').press('Enter');
    expect(await header.getAttribute('aria-sort')).toBe('descending');
    expect((await names())[0]).toBe('reception');
    expect(await page.getByRole('table', { name: 'Accounts' }).getByRole('rowheader').count()).toBe(9);
  });

  it('shows all of one account, and the way back leads to where one was', async () => {
    const fake = livelyAgent();
    const { url } = await serve(fake);
    const page = await open(url, /404/);
    await rowOf(page, 'trunk-berlin').getByRole('link').press('Enter');
    await page.locator('.ladder').waitFor();
    expect(await page.evaluate(FOCUSED)).toBe('trunk-berlin');
    expect(await page.locator('.callout').textContent()).toMatch(
      /198\.51\.100\.20:5061 did not answer within 32 s.*What to do: check the address.*register\.timeout.*tried again in 0:\d\d/,
    );
    await page.getByRole('heading', { name: 'Registered 96.38 % of the last 24 h' }).waitFor();
    const bar = await page.locator('svg.bar').getAttribute('aria-label');
    expect(bar).toBe('In the last 24 h: registered for 23 h 8 min, down for 51 min');
    expect(await page.locator('svg.plot').getAttribute('aria-label')).toMatch(
      /^Round trips: median \d+ ms, 95 % below/,
    );
    expect(await page.locator('.events li').first().textContent()).toContain('registering → registered');
    const steps = await page.locator('.ladder summary .arrow').allTextContents();
    expect(steps.map((step) => step.replace(/CSeq.*/, ''))).toEqual([
      'sent: REGISTER',
      'received: 401 Unauthorized',
      'sent: REGISTER',
      'received: 200 OK',
    ]);
    await page.locator('.ladder summary').nth(2).press('Enter');
    expect(await page.locator('.ladder details[open] pre').textContent()).toContain('response="…"');
    fake.change(liveAccount('trunk-berlin'));
    await page.locator('.callout').waitFor({ state: 'detached' });
    expect(await page.locator('.ladder details[open] pre').textContent()).toContain('response="…"');
    expect(await page.evaluate(FOCUSED)).toMatch(/^\d\d:\d\d:\d\d\+2 ms/);
    await page.goBack();
    await rowOf(page, 'office').waitFor();
    expect(await page.evaluate(FOCUSED)).toBe('trunk-berlin');
    await page.keyboard.press('Enter');
    await page.locator('.ladder').waitFor();
    await page.keyboard.press('Escape');
    await rowOf(page, 'office').waitFor();
    expect(await page.evaluate(FOCUSED)).toBe('trunk-berlin');
    await page.goto(`${url}#/account/nobody`);
    await page.getByText('The agent has no account of this name.').waitFor();
  });

  it('shows text of the network as text', async () => {
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const account = liveAccount('office', {
      aor: `sip:${evil}@x`,
      state: 'waiting',
      failure: { ...failureIn('register.rejected', evil, 0), status: 500, reason: evil },
      target: { transport: 'udp', host: evil, address: evil, port: 1 },
    });
    const message = {
      ...(anExchange()[1] as ReturnType<typeof anExchange>[number]),
      text: `SIP/2.0 500 ${evil}\r\n\r\n`,
    };
    const { url } = await serve(fakeView([account], { exchange: () => [message] }));
    const page = await open(url);
    await rowOf(page, 'office').waitFor();
    expect(await rowOf(page, 'office').locator('.cause').textContent()).toBe(evil);
    await rowOf(page, 'office').getByRole('link').click();
    await page.locator('.ladder').waitFor();
    expect(await page.locator('.callout h3').textContent()).toBe(evil);
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toBe('office · sipreg');
  });

  it('asks for the token, and takes it from the address', async () => {
    const { url } = await serve(livelyAgent(), { token: 'open-sesame' });
    const page = await open(url, /401/);
    await page.getByRole('textbox', { name: 'Token' }).fill('wrong');
    await page.getByRole('button', { name: 'Show the status' }).click();
    await page.getByText('The agent does not know this token.').waitFor();
    expect(await page.locator('#link-text').textContent()).toBe('the agent wants a token');
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    expect(await page.getByRole('link', { name: 'Metrics' }).isVisible()).toBe(false);
    await page.getByRole('textbox', { name: 'Token' }).fill('open-sesame');
    await page.keyboard.press('Enter');
    await rowOf(page, 'office').waitFor();
    expect(await page.locator('#sign-in').isVisible()).toBe(false);
    expect(await page.getByRole('link', { name: 'Metrics' }).isVisible()).toBe(false);
    const other = await open(`${url}#token=open-sesame`);
    await rowOf(other, 'office').waitFor();
    expect(other.url()).toBe(`${url}#/`);
  });

  it('stays quick with ten thousand accounts', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) =>
      liveAccount(`line-${String(at).padStart(5, '0')}`),
    );
    const fake = fakeView(many);
    const { url } = await serve(fake);
    const page = await open(url);
    await rowOf(page, 'line-00000').waitFor();
    expect(await page.locator('h1').textContent()).toBe('10,000 of 10,000 registered');
    expect(await page.locator('tbody tr').count()).toBe(50);
    const began = performance.now();
    await page.getByRole('searchbox', { name: 'Find' }).fill('line-0999');
    await rowOf(page, 'line-09990').waitFor();
    await page.getByRole('searchbox', { name: 'Find' }).fill('');
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    await rowOf(page, 'line-00050').waitFor();
    expect(performance.now() - began).toBeLessThan(8_000);
    expect(await page.locator('.pages').textContent()).toContain('51–100 of 10,000');
    fake.change(
      liveAccount('line-09999', { state: 'blocked', failure: failureIn('auth.rejected', 'wrong', 0) }),
    );
    await eventually(() => page.locator('h1').textContent()).toBe('9,999 of 10,000 registered');
    await page.getByRole('button', { name: 'Down 1' }).click();
    expect(await page.locator('tbody th a').allTextContents()).toEqual(['line-09999']);
  });

  it.each(['light', 'dark'] as const)('is readable in %s, wide and on a phone', async (colorScheme) => {
    const { url } = await serve(livelyAgent());
    const page = await open(url);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    // Where things are does not depend on the colours.
    for (const width of colorScheme === 'light' ? [1920, 1440, 1221, 901, 390, 320] : [1440, 390]) {
      await page.setViewportSize({ width, height: 844 });
      for (const place of ['', 'account/reception', 'account/trunk-berlin']) {
        await page.goto(`${url}#/${place}`);
        await page
          .locator(place === '' ? 'tbody tr' : '.ladder')
          .first()
          .waitFor();
        expect(await page.evaluate(OVERFLOW), `${width} ${place}`).toBeLessThanOrEqual(0);
        if (width === 1440 || width === 390)
          expect(await page.evaluate(LOW_CONTRAST), `${width} ${place}`).toEqual([]);
        const folder = process.env.SIPREG_SCREENSHOTS;
        const path = `${folder}/${colorScheme}-${width}-${place.replace('/', '-')}.png`;
        if (folder !== undefined) await page.screenshot({ path, fullPage: true });
      }
    }
    expect(await page.evaluate('document.getAnimations().length')).toBe(0);
  });
});
