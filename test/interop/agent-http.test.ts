// A running agent as monitoring sees it while Kamailio dies and returns: status, metrics, health, page, webhook and
// heartbeat tell the same, within seconds.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { type Asked, eventually, receiver } from '../agent/notices/notices-scene.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, type RunningCommand, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';
import { openStatusPage } from './status-page.ts';

const PROMTOOL = '/usr/bin/promtool';
const USERS = { alice: 'secret', bob: 'secret-b' };

let home: Home;
let kamailio: Kamailio;
let agent: RunningCommand | undefined;

beforeEach(async () => {
  home = await temporaryHome();
  kamailio = await startKamailio({ users: USERS });
});

afterEach(async () => {
  await home.remove();
  await kamailio.stop();
});

type Monitored = {
  readonly scene: AgentScene;
  readonly url: string;
  readonly hooks: readonly Asked[];
  readonly beats: readonly Asked[];
};

async function startMonitored(more: object = {}): Promise<Monitored> {
  const [hook, beat] = [await receiver(200), await receiver(200)];
  const url = `http://127.0.0.1:${await freePort()}`;
  const heartbeat = { url: `${beat.url}/ping`, interval: 10 };
  const account = (user: keyof typeof USERS): object => ({
    aor: `sip:${user}@127.0.0.1`,
    registrar: `sip:127.0.0.1:${kamailio.port}`,
    password: USERS[user],
    expires: 60,
    retry: { base: 1, max: 2 },
  });
  const document = {
    accounts: { a: account('alice'), b: account('bob'), lab: { ...account('bob'), enabled: false } },
    agent: {
      http: url.slice('http://'.length),
      notices: { after: 1, webhook: hook.url, heartbeat },
      ...more,
    },
  };
  const scene = agentScene(home, await home.write('accounts.json', document));
  agent = await scene.start();
  await untilState(scene, 'a', 'registered');
  await untilState(scene, 'b', 'registered');
  return { scene, url, hooks: hook.asked, beats: beat.asked };
}

async function sampleOf(url: string, series: string): Promise<string | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1);
}

/** Whom the webhook was told to be so, with that failure. */
function accountsTold(hooks: readonly Asked[], event: string, code?: string): readonly string[] {
  const notices = hooks.map(({ body }) => JSON.parse(body)).filter((notice) => notice.event === event);
  const accounts: { account: string; failure: { code: string } | null }[] = notices.flatMap(
    (one) => one.accounts,
  );
  return accounts
    .filter(({ failure }) => failure?.code === code)
    .map(({ account }) => account)
    .sort();
}

describe.skipIf(!isInstalled('kamailio'))(
  `a monitored agent at kamailio${missingPrograms('kamailio')}`,
  () => {
    it('tells everybody the same when the registrar dies and returns', async () => {
      const { scene, url, hooks, beats } = await startMonitored();
      const shown = await openStatusPage(url);
      onTestFinished(async () => await shown?.close());
      const page = shown?.page ?? null;
      await eventually(async () => (await fetch(`${url}/readyz`)).status).toBe(200);
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
      await eventually(() => beats.at(-1)?.path).toBe('/ping');
      await page?.locator('tr[data-account="a"] .pill[data-state="registered"]').waitFor();
      expect(await sampleOf(url, 'sipreg_registered{account="a"}')).toBe('1');
      expect(await sampleOf(url, 'sipreg_register_responses_total{account="a",code="401"}')).toBe('1');
      expect(await sampleOf(url, 'sipreg_register_responses_total{account="a",code="200"}')).toBe('1');

      await kamailio.stop();
      await scene.sipreg('refresh', 'a', 'b');
      const down = await untilState(scene, 'a', 'waiting');
      const code = down.failure?.code;
      await eventually(() => accountsTold(hooks, 'down', code)).toEqual(['a', 'b']);
      expect(await sampleOf(url, 'sipreg_registered{account="a"}')).toBe('0');
      expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({
        status: 'failing',
        registered: 0,
        wanted: 2,
        down: ['a', 'b'].map((account) => ({ account, failure: { code } })),
      });
      await eventually(() => beats.at(-1)?.path).toBe('/ping/fail');
      const row = page?.locator('tr[data-account="a"]');
      await row?.locator('.cause', { hasText: down.failure?.cause ?? '' }).waitFor();
      await eventually(async () => page?.locator('h1').textContent()).toBe(
        page === null ? undefined : '0 of 2 registered',
      );

      await row?.getByRole('link', { name: 'a', exact: true }).click();
      await page?.locator('.callout h3', { hasText: down.failure?.cause ?? '' }).waitFor();

      kamailio = await startKamailio({ users: USERS, port: kamailio.port });
      await untilState(scene, 'a', 'registered');
      await eventually(() => accountsTold(hooks, 'up')).toEqual(['a', 'b']);
      await eventually(async () => (await fetch(`${url}/healthz`)).status).toBe(200);
      await eventually(async () => page?.locator('h1').textContent()).toBe(
        page === null ? undefined : '2 of 2 registered',
      );
      // The view that is open has followed.
      await page?.locator('.detail-lead .pill[data-state="registered"]').waitFor();
      await page?.locator('.callout').waitFor({ state: 'detached' });
      await page?.locator('.events li', { hasText: 'registered' }).first().waitFor();
      await page?.locator('svg.bar').waitFor();
      const answer = page?.locator('.ladder details').last();
      await answer?.locator('.label', { hasText: '200 OK' }).click();
      await answer?.locator('pre', { hasText: 'Contact: ' }).waitFor();
      await page?.keyboard.press('Escape');
      await row?.locator('.pill[data-state="registered"]').waitFor();
      if (existsSync(PROMTOOL)) {
        const input = await (await fetch(`${url}/metrics`)).text();
        const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], {
          input,
          encoding: 'utf8',
        });
        expect([status, stdout, stderr]).toEqual([0, '', '']);
      }
      const told = JSON.stringify([
        hooks,
        beats,
        agent?.stderr(),
        await (await fetch(`${url}/metrics`)).text(),
      ]);
      expect(told).not.toContain('secret');
      agent?.kill('SIGTERM');
      expect(await agent?.result).toMatchObject({ code: 0 });
      await expect(fetch(`${url}/livez`)).rejects.toThrow();
    }, 90_000);

    it('does not start when the port is taken, and says why', async () => {
      const taken = await receiver(200);
      const config = await home.write('accounts.json', {
        accounts: {},
        agent: { http: taken.url.slice('http://'.length) },
      });
      const scene = agentScene(home, config);
      expect(await scene.sipreg('run')).toMatchObject({
        code: 75,
        stderr: expect.stringMatching(
          /agent\.http cannot listen at 127\.0\.0\.1:\d+: another program listens there/,
        ),
      });
    });
  },
);
