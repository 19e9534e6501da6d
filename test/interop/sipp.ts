// SIPp as a registrar with a script: for the answers that no well-behaved server gives (a 423 without Min-Expires, 302, 420,
// foreign Contacts, 407 and then 401). Each Call-ID gets the answers from the first one on, always at the
// address that its first request came from.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.mjs';
import { type ChildGroup, startGroup } from './child-group.ts';
import { isListening } from './listening.ts';

export type ScriptedAnswer = {
  readonly status: number;
  readonly reason: string;
  /** Whole header fields besides Via, From, To, Call-ID and CSeq. A 2xx without them echoes the Contact. */
  readonly headers?: readonly string[];
  /** Waits so long before the answer. */
  readonly delayMs?: number;
};

export type LoggedMessage = { readonly direction: 'received' | 'sent'; readonly text: string };

export type ScriptedRegistrar = {
  readonly address: '127.0.0.1';
  readonly port: number;
  /** Every message so far, in order. */
  readonly messages: () => Promise<readonly LoggedMessage[]>;
  /** The texts of the requests received so far. */
  readonly requests: () => Promise<readonly string[]>;
  /** What SIPp complained about, such as an unexpected request. */
  readonly complaints: () => Promise<string>;
  readonly stop: () => Promise<void>;
};

type Script =
  | { readonly answers: readonly ScriptedAnswer[] }
  /** A whole SIPp scenario, for what `answers` cannot say. */
  | { readonly scenario: string };

/** Starts SIPp on `port`, or a free one, and resolves when it listens. Rejects with its output when it does not. */
export async function startScriptedRegistrar(
  script: Script,
  transport: 'udp' | 'tcp' = 'udp',
  port?: number,
): Promise<ScriptedRegistrar> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryStart(
      'scenario' in script ? script.scenario : scenarioOf(script.answers),
      transport,
      port ?? (await freePort()),
    );
    if (typeof outcome !== 'string') return outcome;
    // Another process may have taken the port since it was chosen.
    if (attempt === 3 || !/address already in use|unable to bind/i.test(outcome)) {
      throw new Error(`sipp did not start:\n${outcome}`);
    }
  }
}

async function tryStart(
  scenario: string,
  transport: 'udp' | 'tcp',
  port: number,
): Promise<ScriptedRegistrar | string> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-sipp-'));
  const file = (name: string): string => join(folder, name);
  await writeFile(file('scenario.xml'), scenario);
  const traces = [
    '-trace_msg',
    '-message_file',
    file('messages.log'),
    '-trace_err',
    '-error_file',
    file('errors.log'),
  ];
  const address = ['-i', '127.0.0.1', '-p', String(port), '-t', transport === 'udp' ? 'u1' : 't1'];
  const group = await startGroup('sipp', ['-sf', file('scenario.xml'), ...address, '-nostdin', ...traces], {
    cwd: folder,
    logFile: file('output.log'),
    env: { TERM: 'dumb' },
  });
  const read = (name: string): Promise<string> => readFile(file(name), 'utf8').catch(emptyUnlessWritten);
  const stop = async (): Promise<void> => {
    await group.stop(500);
    await rm(folder, { recursive: true, force: true });
  };
  if (!(await listensInTime(group, transport, port))) {
    const output = `${await read('output.log')}\n${await read('errors.log')}`;
    await stop();
    return output;
  }
  const messages = async (): Promise<LoggedMessage[]> => parseMessages(await read('messages.log'));
  return {
    address: '127.0.0.1',
    port,
    messages,
    requests: async () =>
      (await messages()).filter(({ direction }) => direction === 'received').map(({ text }) => text),
    complaints: () => read('errors.log'),
    stop,
  };
}

async function listensInTime(group: ChildGroup, transport: 'udp' | 'tcp', port: number): Promise<boolean> {
  const deadline = performance.now() + 5000;
  while (group.running() && performance.now() < deadline) {
    if (await isListening(transport, port)) return true;
    await sleep(10);
  }
  return false;
}

/** SIPp makes a log when it has something to write. */
function emptyUnlessWritten(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}

function scenarioOf(answers: readonly ScriptedAnswer[]): string {
  const steps = answers.flatMap(({ status, reason, headers, delayMs }) => [
    '  <recv request="REGISTER"/>',
    ...(delayMs === undefined ? [] : [`  <pause milliseconds="${delayMs}"/>`]),
    '  <send><![CDATA[',
    `SIP/2.0 ${status} ${reason}`,
    '[last_Via:]',
    '[last_From:]',
    '[last_To:];tag=sipp[call_number]',
    '[last_Call-ID:]',
    '[last_CSeq:]',
    ...(headers ?? (status < 300 ? ['[last_Contact:]'] : [])),
    'Content-Length: 0',
    '',
    ']]></send>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8" ?>',
    '<scenario name="registrar">',
    ...steps,
    '</scenario>',
    '',
  ].join('\n');
}

/** SIPp's message log: a line of dashes with the time, "UDP message received [198] bytes :", an empty line, the message. */
export function parseMessages(log: string): LoggedMessage[] {
  return log
    .split(/^-{20,} \d{4}-.*\n/m)
    .slice(1)
    .flatMap((entry) => {
      const direction = /^\w+ message (received|sent)/.exec(entry)?.[1] as
        | LoggedMessage['direction']
        | undefined;
      const start = entry.indexOf('\n\n') + 2;
      return direction === undefined ? [] : [{ direction, text: entry.slice(start).replace(/\n+$/, '\n') }];
    });
}
