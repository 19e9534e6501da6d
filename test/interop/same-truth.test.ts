// A wrong password, a dead registrar, an expired certificate, a name that does not exist, a full disk, an agent that is
// killed: whoever is asked (status, check, doctor, the API, /healthz, /metrics, the page, notices, the heartbeat) tells
// the same of it.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import type { AccountSnapshot } from '../../src/core/health/snapshot.ts';
import type { VerdictCode } from '../../src/core/health/verdict.ts';
import { startRegistrar } from '../../src/registrar/server.ts';
import { type Asked, eventually, startReceiver } from '../agent/notices/notices-scene.ts';
import { makeCertificateAuthority } from '../support/certificates.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { startTlsServer } from '../support/tls-servers.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, type RunningCommand, temporaryHome } from './command.ts';
import { openStatusPage, type StatusPage } from './status-page.ts';

const EXIT_ATTENTION = 1;
const EXIT_UNREACHABLE = 69;

let home: Home;
let scene: AgentScene;
let agent: RunningCommand;
let url: string;
let hooks: readonly Asked[];
let beats: readonly Asked[];
let shown: StatusPage | null = null;
let stateFolder: string;
let canFill = false;
const closers: (() => unknown)[] = [];

/** What goes wrong, as which code, and as which result of /metrics. */
const SITUATIONS: readonly (readonly [account: string, code: VerdictCode, result: string])[] = [
  ['wrong-password', 'auth.rejected', 'auth_rejected'],
  ['dead-registrar', 'connect.refused', 'transport'],
  ['expired-certificate', 'tls.expired', 'tls'],
  ['missing-name', 'dns.no-such-name', 'dns'],
];

/** A file system so small that it can be filled; not every container lets its root make one. */
function mountSmall(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', folder]).status === 0;
  if (isMounted) closers.push(() => spawnSync('umount', ['-l', folder]));
  return isMounted;
}

async function accountsOf(): Promise<Record<string, object>> {
  const registrar = await startRegistrar({ users: { alice: 'secret', bob: 'secret-b' } });
  const authority = makeCertificateAuthority();
  const expired = authority.issue({ names: ['pbx.test'], notBefore: new Date('2020-01-01T00:00:00Z') });
  const server = await startTlsServer(expired);
  const dns = await startDnsServer({});
  closers.push(registrar.close, server.stop, dns.stop);
  const at = { registrar: `sip:127.0.0.1:${registrar.ports.udp}`, transport: 'udp' };
  return {
    good: { aor: 'sip:alice@127.0.0.1', ...at, password: 'secret' },
    'wrong-password': { aor: 'sip:bob@127.0.0.1', ...at, password: 'hunter2' },
    'dead-registrar': {
      aor: 'sip:x@127.0.0.1',
      registrar: `sip:127.0.0.1:${await freePort()}`,
      transport: 'tcp',
      password: 'hunter2',
    },
    'expired-certificate': {
      aor: 'sip:x@pbx.test',
      registrar: `sip:pbx.test:${server.port}`,
      outboundProxy: `sip:127.0.0.1:${server.port};transport=tls`,
      transport: 'tls',
      password: 'hunter2',
      tls: { ca: await home.write('ca.pem', authority.certificate), serverName: 'pbx.test' },
    },
    'missing-name': { aor: 'sip:x@nowhere.test', password: 'hunter2', dns: { servers: [dns.address] } },
  };
}

const NOTE = 'echo "$SIPREG_EVENT $SIPREG_TEXT" >> "$1"';

beforeAll(async () => {
  home = await temporaryHome();
  closers.push(() => home.remove());
  stateFolder = join(home.folder, 'state');
  const [hook, beat] = [await startReceiver(200), await startReceiver(200)];
  closers.push(hook.stop, beat.stop);
  hooks = hook.asked;
  beats = beat.asked;
  url = `http://127.0.0.1:${await freePort()}`;
  const document = {
    accounts: await accountsOf(),
    agent: {
      http: url.slice('http://'.length),
      notices: {
        after: 0,
        webhook: hook.url,
        command: ['/bin/sh', '-c', NOTE, 'note', join(home.folder, 'notes')],
        heartbeat: { url: `${beat.url}/ping`, interval: 10 },
      },
    },
  };
  scene = agentScene(home, await home.write('accounts.json', document));
  canFill = mountSmall(stateFolder);
  agent = await scene.start();
  shown = await openStatusPage(url);
}, 60_000);

afterAll(async () => {
  await shown?.close();
  for (const close of closers.reverse()) await close();
});

async function getJson(path: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(url + path);
  return { status: response.status, body: await response.json() };
}

async function sampleOf(series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  if (line === undefined) throw new Error(`/metrics has no ${series}`);
  return Number(line.slice(series.length + 1));
}

type Told = {
  readonly event: string;
  readonly troubles: readonly string[];
  readonly accounts: readonly { readonly account: string }[];
};

/** What the webhook was told. */
const noticesTold = (): readonly Told[] => hooks.map(({ body }) => JSON.parse(body));

/** What it was told of an account. */
const accountTold = (wanted: string, name: string): object | undefined =>
  noticesTold()
    .filter(({ event }) => event === wanted)
    .flatMap(({ accounts }) => accounts)
    .find(({ account }) => account === name);

const notesText = (): string => {
  const file = join(home.folder, 'notes');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
};

async function failedAs(name: string, code: VerdictCode): Promise<AccountSnapshot> {
  await eventually(async () => (await scene.account(name))?.failure?.code).toBe(code);
  const account = await scene.account(name);
  if (account === undefined) throw new Error(`there is no ${name}`);
  return account;
}

/** The verdicts of `doctor`, and what it says of the agent. */
async function doctorsWord(name: string) {
  const { code, body } = await sipregJson('doctor', name);
  const facts: {
    mark: string;
    code: string;
    text: string;
    failure: { code: string; cause: string } | null;
  }[] = body.accounts[0].facts;
  const verdicts = facts.flatMap(({ failure }) => (failure === null ? [] : [failure]));
  const ofAgent = facts.filter((fact) => fact.code.startsWith('agent.')).map(({ text }) => text);
  return { code, verdicts, ofAgent };
}

/** Accounts at one host wake each other, so that the cause of a later attempt may have a later time in it. */
function withoutClock(cause: string): string {
  return cause.replace(/; this host's clock says .*/, '');
}

async function sipregJson(...args: readonly string[]) {
  const { code, stdout } = await scene.sipreg('--json', ...args);
  return { code, body: JSON.parse(stdout) };
}

describe('everybody who is asked tells the same', () => {
  it('of an account that is well', async () => {
    await untilState(scene, 'good', 'registered');
    const [status, check, doctor] = await Promise.all([
      scene.sipreg('status', 'good', '--exit-code'),
      scene.sipreg('check', 'good'),
      doctorsWord('good'),
    ]);
    expect(status).toMatchObject({ code: 0 });
    expect(check).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^SIPREG OK: good registered/),
    });
    expect(doctor).toMatchObject({ code: 0, verdicts: [] });
    expect((await getJson('/api/v1/accounts/good')).body).toMatchObject({
      state: 'registered',
      failure: null,
    });
    expect(await getJson('/healthz?account=good')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await sampleOf('sipreg_registered{account="good"}')).toBe(1);
    await shown?.page.locator('tr[data-account="good"] .pill[data-condition="up"]').waitFor();
  });

  it.each(SITUATIONS)('of %s: %s', async (name, code, result) => {
    const { state, failure } = await failedAs(name, code);
    const cause = withoutClock(failure?.cause ?? 'no cause');
    const verdict = { code, cause: expect.stringContaining(cause) };
    const told = { account: name, state, failure: verdict };

    const [status, check, plugin, doctor] = await Promise.all([
      sipregJson('status', name, '--exit-code'),
      sipregJson('check', name),
      scene.sipreg('check', name),
      doctorsWord(name),
    ]);
    expect(status).toMatchObject({ code: EXIT_ATTENTION, body: { accounts: [told] } });
    const critical = { state: 'CRITICAL', failure: verdict };
    expect(check).toMatchObject({ code: 2, body: { accounts: [critical] } });
    expect(plugin.stdout).toContain(`SIPREG CRITICAL: ${name} not registered (${state}): ${code}: ${cause}`);
    expect(doctor.code).toBe(EXIT_ATTENTION);
    expect(doctor.verdicts).toContainEqual(expect.objectContaining(verdict));

    expect((await getJson(`/api/v1/accounts/${name}`)).body).toMatchObject(told);
    expect(await getJson(`/healthz?account=${name}`)).toMatchObject({ status: 503, body: { down: [told] } });
    expect(await sampleOf(`sipreg_registered{account="${name}"}`)).toBe(0);
    expect(await sampleOf(`sipreg_account_state{account="${name}",state="${state}"}`)).toBe(1);
    expect(
      await sampleOf(`sipreg_register_attempts_total{account="${name}",result="${result}"}`),
    ).toBeGreaterThan(0);

    await eventually(() => accountTold('down', name)).toMatchObject(told);
    await eventually(notesText).toMatch(new RegExp(`^down .*\\b${name}\\b`, 'm'));
    await eventually(() => beats.at(-1)?.body).toContain(`${name}: ${state}, ${code}: ${cause}`);
    expect(beats.at(-1)?.path).toBe('/ping/fail');
    const row = shown?.page.locator(`tr[data-account="${name}"]`);
    await row?.locator('.pill[data-condition="down"]').waitFor();
    await row?.locator('.cause', { hasText: cause }).waitFor();
    expect(await row?.locator('.code').textContent()).toBe(shown === null ? undefined : code);
  });

  it('of flows that did not come about', async () => {
    const failures = (name: string, transport: string): Promise<number> =>
      sampleOf(`sipreg_flow_failures_total{account="${name}",transport="${transport}"}`);
    expect(await failures('dead-registrar', 'tcp')).toBeGreaterThan(0);
    expect(await failures('expired-certificate', 'tls')).toBeGreaterThan(0);
    expect(await failures('good', 'udp')).toBe(0);
  });

  it('of a full disk', async ({ skip }) => {
    if (!canFill) skip('no file system can be mounted here');
    fill(stateFolder);
    await scene.sipreg('pause', 'good');
    const { body } = await sipregJson('status');
    const [problem = 'none'] = body.agent.problems;
    expect(body.agent.problems).toHaveLength(1);
    expect(problem).toMatch(/state\.json.*ENOSPC/);
    const [text, check, plugin, doctor] = await Promise.all([
      scene.sipreg('status'),
      sipregJson('check', 'good'),
      scene.sipreg('check', 'good'),
      doctorsWord('good'),
    ]);
    expect(text.stdout).toContain('ENOSPC');
    expect(check).toMatchObject({ code: 1, body: { troubles: [problem] } });
    expect(plugin.stdout).toContain(`; the agent: ${problem}`);
    expect(doctor.ofAgent).toContain(problem);
    expect((await getJson('/api/v1/agent')).body).toMatchObject({ problems: [problem] });
    expect(await sampleOf('sipreg_problems')).toBe(1);
    await eventually(() => noticesTold().at(-1)).toMatchObject({ event: 'trouble', troubles: [problem] });
    await eventually(notesText).toContain(`trouble the agent has a problem: ${problem}`);
    await shown?.page.getByRole('alert').getByText(problem).waitFor();

    rmSync(join(stateFolder, 'ballast'));
    await scene.sipreg('resume', 'good');
    expect((await sipregJson('status')).body.agent.problems).toEqual([]);
    expect(await sipregJson('check', 'good')).toMatchObject({ code: 0, body: { troubles: [] } });
    await eventually(() => noticesTold().at(-1)?.event).toBe('trouble-over');
    await eventually(async () => shown?.page.getByRole('alert').isVisible()).toBe(
      shown === null ? undefined : false,
    );
  });

  it('of an agent that is killed', async () => {
    agent.kill('SIGKILL');
    await agent.result;
    const told = beats.length;
    const [status, check, checkOne, doctor] = await Promise.all([
      scene.sipreg('status'),
      scene.sipreg('check'),
      sipregJson('check', 'good'),
      doctorsWord('good'),
    ]);
    expect(status).toMatchObject({ code: EXIT_UNREACHABLE });
    expect(check).toMatchObject({ code: 2, stdout: expect.stringMatching(/^SIPREG CRITICAL: /) });
    expect(checkOne).toMatchObject({ code: 2, body: { state: 'CRITICAL' } });
    expect(doctor.ofAgent).toContainEqual(expect.stringMatching(/^no agent runs, .* it was killed/));
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    await shown?.page.getByText(/^no agent since /).waitFor();
    expect(beats).toHaveLength(told);
  });
});

function fill(folder: string): void {
  let size = 65_536;
  let written = Buffer.alloc(0);
  while (size > 0) {
    try {
      written = Buffer.concat([written, Buffer.alloc(size)]);
      writeFileSync(join(folder, 'ballast'), written);
    } catch {
      size = Math.floor(size / 2);
    }
  }
}
