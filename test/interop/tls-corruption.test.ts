// Certificate and key that are written in place, in chunks with pauses, and given up halfway at random, under an agent
// whose every refresh is a new handshake: no registration fails, and the last pair is in use soon after the writing.
// Six seconds of it; SIPREG_CORRUPTION_SECONDS=60 makes it the whole minute, and says its numbers.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { askAgent } from '../../src/agent/control/client.ts';
import { type Rng, seededRng } from '../../src/core/rng.ts';
import { startRegistrar } from '../../src/registrar/server.ts';
import {
  type IssuedCertificate,
  makeCertificateAuthority,
  makeTemporaryDirectory,
} from '../support/certificates.ts';
import { startTlsFront, type TlsFront } from '../support/tls-front.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type RunningCommand, startSipreg, temporaryHome } from './command.ts';

const SECONDS = Number(process.env.SIPREG_CORRUPTION_SECONDS ?? 6);
/** The issue's bound. */
const IN_USE_WITHIN_MS = 30_000;
const NAMES = ['alice', 'bob', 'carol', 'dave'];
const authority = makeCertificateAuthority();
const middle = authority.intermediate('Middle CA');

type Stage = {
  readonly front: TlsFront;
  readonly scene: AgentScene;
  readonly agent: RunningCommand;
  readonly files: { readonly cert: string; readonly key: string };
};

/** A pair whose chain is the leaf and its intermediate: half of it is no chain. */
function issuePair(commonName: string): { readonly cert: string; readonly key: string } {
  const issued: IssuedCertificate = middle.issue({ commonName });
  return { cert: issued.certificate + middle.certificate, key: issued.key };
}

async function openStage(): Promise<Stage> {
  const files = makeTemporaryDirectory();
  const home = await temporaryHome();
  const users = Object.fromEntries(NAMES.map((name) => [name, 'secret']));
  const registrar = await startRegistrar({ users });
  const own = authority.issue({ addresses: ['127.0.0.1'] });
  // Each connection ends with its answer, so each refresh begins with a handshake.
  const onward = registrar.ports.tcp;
  const front = await startTlsFront({ own, clientAuthority: authority, onward, closeAfterMs: 0 });
  onTestFinished(async () => {
    await home.remove();
    await front.stop();
    await registrar.close();
    files.remove();
  });
  const { cert, key } = issuePair('start');
  const paths = { cert: files.write('own.pem', cert), key: files.write('own.key', key) };
  const config = await home.write('accounts.json', {
    agent: { http: '127.0.0.1:0' },
    defaults: {
      registrar: `sip:127.0.0.1:${front.port}`,
      transport: 'tls',
      password: 'secret',
      // The front looks like a NAT, and another REGISTER for its address would find the connection closed.
      nat: 'off',
      tls: { ca: files.write('ca.pem', authority.certificate), ...paths },
    },
    // Accounts with addresses of their own share no connection.
    accounts: Object.fromEntries(
      NAMES.map((name, at) => [name, { aor: `sip:${name}@127.0.0.1`, local: `127.0.0.${at + 2}:0` }]),
    ),
  });
  const scene = agentScene(home, config);
  const command = ['--json', '-c', config, '--socket', scene.socket, 'run'];
  const agent = startSipreg(command, { home, timeoutMs: (SECONDS + 60) * 1_000 });
  await agent.waitFor('stdout', /agent\.started/);
  for (const name of NAMES) await untilState(scene, name, 'registered');
  return { front, scene, agent, files: paths };
}

/** Writes `text` over the file in chunks; false: given up halfway, as by a kill. */
async function writeInPlace(file: string, text: string, rng: Rng, mayDie: boolean): Promise<boolean> {
  const isTruncated = rng.unit() < 0.5;
  const descriptor = openSync(file, isTruncated ? 'w' : 'r+');
  const end = mayDie && rng.unit() < 0.25 ? Math.floor(rng.unit() * text.length) : text.length;
  try {
    for (let at = 0; at < end; ) {
      const next = Math.min(end, at + 50 + Math.floor(rng.unit() * 700));
      writeSync(descriptor, text.slice(at, next), at);
      at = next;
      // Most are short; some are longer than the time after which files count as complete.
      await sleep(rng.unit() < 0.9 ? rng.unit() * 120 : rng.unit() * 1_200);
    }
    if (end === text.length) ftruncateSync(descriptor, text.length);
  } finally {
    closeSync(descriptor);
  }
  return end === text.length;
}

/** Installs one pair after the other until the time is over; the name of the last, which is whole. */
async function corrupt(files: Stage['files'], rng: Rng): Promise<string> {
  const end = performance.now() + SECONDS * 1_000;
  for (let version = 1; ; version++) {
    const isLast = performance.now() > end;
    const pair = issuePair(`v${version}`);
    const isWhole =
      (await writeInPlace(files.cert, pair.cert, rng, !isLast)) &&
      (await writeInPlace(files.key, pair.key, rng, !isLast));
    if (isLast) return `v${version}`;
    await sleep(rng.unit() * (isWhole ? 1_500 : 400));
  }
}

/** Refreshes the account again and again while `goesOn`; how often, and what went wrong. */
async function keepRefreshing(
  scene: AgentScene,
  name: string,
  rng: Rng,
  goesOn: () => boolean,
): Promise<{ readonly count: number; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  let count = 0;
  for (; goesOn(); count += 1) {
    const request = { command: 'refresh', accounts: [name] } as const;
    const answer = await askAgent(scene.socket, request, { timeoutMs: 20_000 });
    if (!answer.ok || answer.value.items.some(({ ok }) => !ok))
      problems.push(JSON.stringify(answer).slice(0, 300));
    await sleep(30 + rng.unit() * 250);
  }
  return { count, problems };
}

async function reloadsCounted(agent: RunningCommand): Promise<string | undefined> {
  const [, url] = await agent.waitFor('stdout', /API at (http:[^" ]+)/);
  const text = await (await fetch(new URL('/metrics', url))).text();
  return /sipreg_tls_material_reloads_total\{result="ok"\} (\d+)/.exec(text)?.[1];
}

it('TLS files that are corrupted at random never fail a registration, and the last ones are used', {
  timeout: (SECONDS + 80) * 1_000,
}, async () => {
  const { front, scene, agent, files } = await openStage();
  let isOver = false;
  const goesOn = (): boolean => !isOver;
  const refreshing = NAMES.map((name, at) => keepRefreshing(scene, name, seededRng(at + 1), goesOn));
  const last = await corrupt(files, seededRng(20_261_121));
  const stoppedAt = performance.now();
  await expect.poll(() => front.clients().at(-1), { timeout: IN_USE_WITHIN_MS, interval: 50 }).toBe(last);
  const inUseAfterMs = performance.now() - stoppedAt;
  isOver = true;
  const results = await Promise.all(refreshing);
  const refreshes = results.reduce((sum, { count }) => sum + count, 0);

  expect(results.flatMap(({ problems }) => problems)).toEqual([]);
  expect(front.refusals()).toEqual([]);
  // Each refresh was a handshake.
  expect(front.clients().length).toBeGreaterThanOrEqual(refreshes);
  expect(refreshes).toBeGreaterThan(SECONDS * 2);
  expect((await scene.sipreg('refresh', ...NAMES)).code).toBe(0);
  expect(front.clients().slice(-NAMES.length)).toEqual(NAMES.map(() => last));
  const counted = await reloadsCounted(agent);
  agent.kill('SIGTERM');
  const { code, stdout } = await agent.result;
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(events.filter(({ state }) => state === 'waiting' || state === 'blocked')).toEqual([]);
  const reloads = events.filter(({ code }) => code === 'tls.material-reloaded').length;
  expect(counted).toBe(String(reloads));
  if (SECONDS < 60) return;
  console.log(
    `${refreshes} refreshes, ${front.clients().length} handshakes, ${reloads} reloads; ${last} after ${Math.round(inUseAfterMs)} ms`,
  );
});
