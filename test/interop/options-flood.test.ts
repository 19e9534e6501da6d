// OPTIONS by the thousand each second from the registrar's address, by SIPp, while the accounts of an agent refresh: none
// is late, and the memory comes back. A short form; SIPREG_FLOOD=full runs the whole of it: 1,000 accounts that refresh
// every 30 s (granted 60), 5,000 a second for 32 s, then 75 s of quiet. It says its numbers.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { askAgent } from '../../src/agent/control/client.ts';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { startGroup } from './child-group.ts';
import { type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { computedBy, unqueuedTime } from './processor-time.ts';

const IS_FULL = process.env.SIPREG_FLOOD === 'full';
/** Seconds, but for counts and `perSecond`. */
const { accounts, expires, perSecond, calm, flood, quiet } = IS_FULL
  ? { accounts: 1_000, expires: 60, perSecond: 5_000, calm: 35, flood: 32, quiet: 75 }
  : { accounts: 100, expires: 10, perSecond: 800, calm: 0, flood: 6, quiet: 0 };
const NAMES = Array.from({ length: accounts }, (_, index) => `u${index}`);
/** A heap may grow by this part. */
const HEAP_GROWTH = 0.1;
/** The trace fills with the last messages; without the quiet time there are answers that may be asked for again, too. */
const KEPT_BYTES = (quiet === 0 ? 28 : 4) * 1024 * 1024;
/** What the process may keep from the system: V8 and the allocator give little back. */
const RESIDENT_SLACK_BYTES = 192 * 1024 * 1024;

/** The instants at which each account's REGISTER was granted, on the clock of the stage. */
type Grants = ReadonlyMap<string, number[]>;

type Stage = {
  readonly agent: RunningCommand;
  readonly registrar: RunningRegistrar;
  readonly grants: Grants;
  /** Milliseconds for agent and registrar, which runs in this process. */
  readonly now: () => number;
  /** Where the accounts hear. */
  readonly contact: string;
  readonly probe: string;
  /** The sum over all its series. */
  readonly metric: (name: string) => Promise<number>;
};

async function openStage(): Promise<Stage> {
  const home = await temporaryHome();
  const grants = new Map<string, number[]>();
  const pids = [process.pid];
  const now = () => unqueuedTime(pids);
  const registrar = await startRegistrar({
    users: Object.fromEntries(NAMES.map((name) => [name, 'secret'])),
    settings: { expires: { defaultSeconds: expires, minSeconds: 1, maxSeconds: expires } },
    onEvent: (event) => {
      if (event.type !== 'answered' || event.status !== 200 || event.repeated) return;
      const user = /sip:(\w+)@/.exec(event.to ?? '')?.[1] ?? '';
      const times = grants.get(user);
      if (times === undefined) grants.set(user, [now()]);
      else times.push(now());
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
  const probe = await home.write('probe.cjs', PROBE);
  const environment = { NODE_OPTIONS: `--require ${probe}` };
  const agent = startSipreg(command, { home, timeoutMs: 290_000, environment });
  pids.push(agent.pid);
  const [, url] = await agent.waitFor('stdout', /API at (http:[^" ]+)/);
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
  return { agent, registrar, grants, now, contact: `127.0.0.1:${local.port}`, probe, metric };
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

/** Loaded into the agent: after SIGUSR2 it collects its garbage and says what is left. */
const PROBE = `
const { appendFileSync } = require('node:fs');
require('node:v8').setFlagsFromString('--expose_gc');
const collect = require('node:vm').runInNewContext('gc');
process.on('SIGUSR2', () => {
  const resident = process.memoryUsage().rss;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  appendFileSync(__filename + '.log', JSON.stringify({ resident, heap: heapUsed + external }) + '\\n');
});
`;

type Memory = { readonly resident: number; readonly heap: number };

/** What the agent holds, bytes; the heap without its garbage. */
async function memoryOf({ agent, probe }: Pick<Stage, 'agent' | 'probe'>): Promise<Memory> {
  const said = async (): Promise<readonly string[]> =>
    (await readFile(`${probe}.log`, 'utf8').catch(() => '')).split('\n').slice(0, -1);
  const count = (await said()).length;
  agent.kill('SIGUSR2');
  await expect.poll(async () => (await said()).length, { timeout: 10_000 }).toBe(count + 1);
  return JSON.parse((await said()).at(-1) ?? '');
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

type Measured = FloodResult & {
  /** Instants, on the clock of the stage. */
  readonly from: number;
  readonly to: number;
  /** Before, at the end of the flood, after the quiet time. */
  readonly memory: readonly [before: Memory, peak: Memory, after: Memory];
  /** What the agent computed, and its event loop was held up at most, seconds. */
  readonly computed: number;
  readonly lag: number;
  /** Messages that the agent sent or received, and REGISTERs that it sent again. */
  readonly messages: number;
  readonly repeated: number;
};

async function measureFlood(stage: Stage): Promise<Measured> {
  const { agent, now, contact, metric } = stage;
  const counted = async () => ({
    computed: computedBy(agent.pid) / 1_000,
    messages: await metric('sipreg_messages_total'),
    repeated: await metric('sipreg_retransmissions_total'),
  });
  const before = await memoryOf(stage);
  const start = await counted();
  await metric('sipreg_event_loop_lag_seconds');
  const from = now();
  const result = await sendFlood(contact);
  const to = now();
  const lag = await metric('sipreg_event_loop_lag_seconds');
  const end = await counted();
  const peak = await memoryOf(stage);
  await sleep(quiet * 1_000);
  const memory = [before, peak, await memoryOf(stage)] as const;
  const computed = end.computed - start.computed;
  const messages = end.messages - start.messages;
  return { ...result, from, to, memory, computed, lag, messages, repeated: end.repeated - start.repeated };
}

function tell({ grants }: Stage, measured: Measured, calmFrom: number): void {
  const { sent, answered, retransmissions, from, to, memory, computed, lag, messages, repeated } = measured;
  const mebibytes = (part: keyof Memory): string =>
    memory.map((one) => (one[part] / 1_048_576).toFixed(1)).join(', ');
  const lines = [
    `${sent} OPTIONS, ${answered} answered, in ${((to - from) / 1_000).toFixed(1)} s`,
    `sent again: ${retransmissions} OPTIONS by SIPp, ${repeated} REGISTERs by the agent`,
    `between refreshes, before: ${range(gapsWithin(grants, calmFrom, from))}`,
    `between refreshes, in the flood: ${range(gapsWithin(grants, from, to))}`,
    `the agent took ${computed.toFixed(1)} s of a processor for ${messages} messages; its event loop was held up for at most ${lag} s`,
    `before, at the end of the flood, and ${quiet} s later: heap ${mebibytes('heap')} MiB, resident ${mebibytes('resident')} MiB`,
  ];
  console.log(lines.join('\n'));
}

function range(gaps: readonly number[]): string {
  const at = (part: number): string => ((gaps[Math.floor(part * (gaps.length - 1))] ?? 0) / 1_000).toFixed(2);
  return `${gaps.length}, median ${at(0.5)} s, 99 % ${at(0.99)} s, longest ${at(1)} s`;
}

const title = `a flood of OPTIONS from the registrar${missingPrograms('sipp')}`;

describe.skipIf(!isInstalled('sipp'))(title, () => {
  it('makes no refresh late, and leaves nothing behind', { timeout: 300_000 }, async () => {
    const stage = await openStage();
    const { agent, grants, now, metric } = stage;
    // In the whole form a refresh of each account first, to compare with.
    const calmFrom = now();
    await sleep(calm * 1_000);
    const toldBefore = agent.stdout().length;
    const measured = await measureFlood(stage);
    if (IS_FULL) tell(stage, measured, calmFrom);

    const { sent, answered, from, memory } = measured;
    expect(sent).toBe(perSecond * flood);
    // A machine that is busy with something else loses some; that most are answered shows that they were heard.
    expect(answered).toBeGreaterThan(sent / 2);
    // The flood is longer than the time between two refreshes, so each account had one that was due in it.
    const hasRefreshed = (name: string): boolean => (grants.get(name)?.at(-1) ?? 0) > from;
    await expect.poll(() => NAMES.every(hasRefreshed), { timeout: 20_000 }).toBe(true);
    // They are due after half of this; a binding that had ended would be later.
    expect(gapsWithin(grants, from, now()).at(-1)).toBeLessThan(expires * 1_000);
    expect(await metric('sipreg_accounts_registered')).toBe(accounts);
    const [before, , after] = memory;
    expect(after.heap).toBeLessThan(before.heap * (1 + HEAP_GROWTH) + KEPT_BYTES);
    expect(after.resident).toBeLessThan(before.resident + RESIDENT_SLACK_BYTES);
    const failures =
      agent
        .stdout()
        .slice(toldBefore)
        .match(/^.*"(?:state":"waiting|type":"failure)".*$/gm) ?? [];
    expect(failures.slice(0, 3)).toEqual([]);
  });
});
