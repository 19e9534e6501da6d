// OPTIONS by the thousand each second from the registrar's address, by SIPp, while the accounts of an agent refresh: none
// is late, and the memory comes back. A short form; SIPREG_FLOOD=full runs the whole of it: 1,000 accounts that refresh
// every 30 s (granted 60), 5,000 a second for 32 s, then 75 s of quiet. It says its numbers.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { askAgent } from '../../src/agent/control/client.ts';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { startGroup } from './child-group.ts';
import { type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { freePort } from './free-port.ts';
import { isInstalled, missingPrograms } from './installed.ts';

const IS_FULL = process.env.SIPREG_FLOOD === 'full';
/** Seconds, but for counts and `perSecond`. */
const { accounts, expires, perSecond, calm, flood, quiet } = IS_FULL
  ? { accounts: 1_000, expires: 60, perSecond: 5_000, calm: 35, flood: 32, quiet: 75 }
  : { accounts: 100, expires: 10, perSecond: 800, calm: 0, flood: 6, quiet: 0 };
const NAMES = Array.from({ length: accounts }, (_, index) => `u${index}`);
/** What the agent may hold after the quiet time and not before: answers that may be asked for again, and the heap's slack. */
const MEMORY_SLACK = (IS_FULL ? 32 : 96) * 1024 * 1024;

/** The instants at which each account's REGISTER was granted, ms. */
type Grants = ReadonlyMap<string, number[]>;

let agent: RunningCommand | undefined;
afterEach(async () => {
  agent?.kill('SIGKILL');
  await agent?.result;
});

type Stage = {
  readonly agent: RunningCommand;
  readonly registrar: RunningRegistrar;
  readonly grants: Grants;
  /** Where the accounts hear. */
  readonly contact: string;
  /** The sum over all its series. */
  readonly metric: (name: string) => Promise<number>;
};

async function openStage(): Promise<Stage> {
  const home = await temporaryHome();
  const grants = new Map<string, number[]>();
  const registrar = await startRegistrar({
    users: Object.fromEntries(NAMES.map((name) => [name, 'secret'])),
    settings: { expires: { defaultSeconds: expires, minSeconds: 1, maxSeconds: expires } },
    onEvent: (event) => {
      if (event.type !== 'answered' || event.status !== 200 || event.repeated) return;
      const user = /sip:(\w+)@/.exec(event.to ?? '')?.[1] ?? '';
      const times = grants.get(user);
      if (times === undefined) grants.set(user, [performance.now()]);
      else times.push(performance.now());
    },
  });
  onTestFinished(async () => {
    await registrar.close();
    await home.remove();
  });
  const config = await home.write('accounts.json', {
    agent: { http: '127.0.0.1:0', pacing: 250 },
    defaults: {
      registrar: `sip:127.0.0.1:${registrar.ports.udp}`,
      transport: 'udp',
      password: 'secret',
      expires,
    },
    accounts: Object.fromEntries(NAMES.map((name) => [name, { aor: `sip:${name}@127.0.0.1` }])),
  });
  const socket = `${home.folder}/agent.sock`;
  const command = ['--json', '-c', config, '--socket', socket, 'run'];
  const running = startSipreg(command, { home, timeoutMs: 240_000 });
  agent = running;
  const [, url] = await running.waitFor('stdout', /API at (http:[^" ]+)/);
  await expect.poll(() => grants.size, { timeout: 60_000, interval: 100 }).toBe(accounts);
  const answer = await askAgent(socket, { command: 'status', accounts: ['u0'] }, { timeoutMs: 5_000 });
  const local = answer.ok ? answer.value.items[0]?.local : undefined;
  if (local == null) throw new Error('u0 has no flow');
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(new URL('/metrics', url))).text();
    const lines = text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (lines.length === 0) throw new Error(`there is no ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  return { agent: running, registrar, grants, contact: `127.0.0.1:${local.port}`, metric };
}

type FloodResult = { readonly sent: number; readonly answered: number; readonly retransmissions: number };

/** Asks the accounts in turn with SIPp, which sends again what is not answered. */
async function sendFlood(contact: string): Promise<FloodResult> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-flood-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = (name: string): string => join(folder, name);
  await writeFile(file('scenario.xml'), SCENARIO);
  await writeFile(file('users.csv'), ['SEQUENTIAL', ...NAMES, ''].join('\n'));
  const place = ['-i', '127.0.0.1', '-p', String(await freePort()), '-t', 'u1', '-nostdin'];
  const rate = ['-r', String(perSecond), '-m', String(perSecond * flood), '-l', '50000'];
  const statistics = ['-trace_stat', '-stf', file('statistics.csv'), '-fd', '1'];
  const args = ['-sf', file('scenario.xml'), '-inf', file('users.csv'), ...place, ...rate, ...statistics];
  const limits = ['-timeout', String(flood + 45), '-buff_size', '4194304', contact];
  const options = { cwd: folder, logFile: file('output.log'), env: { TERM: 'dumb' } };
  const group = await startGroup('sipp', [...args, ...limits], options);
  await group.ended;
  const [head = [], ...rows] = (await readFile(file('statistics.csv'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => line.split(';'));
  const total = (column: string): number => Number(rows.at(-1)?.[head.indexOf(column)]);
  return {
    sent: total('TotalCallCreated'),
    answered: total('SuccessfulCall(C)'),
    retransmissions: total('Retransmissions(C)'),
  };
}

const SCENARIO = `<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="flood">
  <send retrans="500"><![CDATA[
OPTIONS sip:[field0]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
Max-Forwards: 70
From: <sip:pinger@[local_ip]>;tag=[call_number]
To: <sip:[field0]@[local_ip]>
Call-ID: [call_id]
CSeq: 1 OPTIONS
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
`;

async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** All gaps between an account's grants, of which the later one is in the time; ms, rising. */
function gapsWithin(grants: Grants, from: number, to: number): readonly number[] {
  const gaps = [...grants.values()].flatMap((times) =>
    times.flatMap((time, at) => {
      const before = times[at - 1];
      return before === undefined || time < from || time > to ? [] : [time - before];
    }),
  );
  return gaps.toSorted((a, b) => a - b);
}

function millions(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(0)} MiB`;
}

describe.skipIf(!isInstalled('sipp'))(
  `a flood of OPTIONS from the registrar${missingPrograms('sipp')}`,
  () => {
    it('makes no refresh late, and leaves nothing behind', { timeout: 260_000 }, async () => {
      const { agent, grants, contact, metric } = await openStage();
      // In the whole form a refresh of each account first, to compare with.
      const calmFrom = performance.now();
      await sleep(calm * 1_000);
      const before = await memoryOf(agent.pid);
      await metric('sipreg_event_loop_lag_seconds');

      const floodFrom = performance.now();
      const { sent, answered, retransmissions } = await sendFlood(contact);
      const floodTo = performance.now();
      const peak = await memoryOf(agent.pid);
      const lag = await metric('sipreg_event_loop_lag_seconds');
      await sleep(quiet * 1_000);
      const after = await memoryOf(agent.pid);

      expect(sent).toBe(perSecond * flood);
      expect(answered).toBe(sent);
      // The flood is longer than the time between two refreshes.
      const gaps = gapsWithin(grants, floodFrom, floodTo);
      expect(gaps.length).toBeGreaterThanOrEqual(accounts);
      // They are due after half of this; a binding that had ended would be later.
      expect(gaps.at(-1)).toBeLessThan(expires * 1_000);
      expect(await metric('sipreg_accounts_registered')).toBe(accounts);
      expect(after).toBeLessThan(before + MEMORY_SLACK);
      expect(agent.stdout()).not.toMatch(/"state":"waiting"|"type":"failure"/);
      if (!IS_FULL) return;
      const calmGaps = gapsWithin(grants, calmFrom, floodFrom);
      const repeated = await metric('sipreg_retransmissions_total');
      console.log(
        [
          `${sent} OPTIONS, ${answered} answered, in ${((floodTo - floodFrom) / 1_000).toFixed(1)} s`,
          `sent again: ${retransmissions} OPTIONS by SIPp, ${repeated} REGISTERs by the agent`,
          `gaps between refreshes: before ${range(calmGaps)}; in the flood ${range(gaps)}`,
          `event loop held up for at most ${lag} s`,
          `memory ${millions(before)}, ${millions(peak)} at the end of the flood, ${millions(after)} ${quiet} s later`,
        ].join('\n'),
      );
    });
  },
);

function range(gaps: readonly number[]): string {
  const at = (part: number): string => ((gaps[Math.floor(part * (gaps.length - 1))] ?? 0) / 1_000).toFixed(2);
  return `${gaps.length}, median ${at(0.5)} s, 99 % ${at(0.99)} s, longest ${at(1)} s`;
}
