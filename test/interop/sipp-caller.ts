// SIPp as a server that calls: it sends requests to an agent's contact, step by step, and writes down every message. What
// the answers should look like is for the test to say.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../scripts/free-port.mjs';
import { startGroup } from './child-group.ts';
import { type LoggedMessage, parseMessages } from './sipp.ts';

export type Step =
  /** The lines of a request; `[…]` are SIPp's keywords. Content-Length is added. */
  | { readonly send: readonly string[]; readonly body?: string }
  | { readonly receive: number }
  | { readonly pauseMs: number };

/** What a request of this method says unless told otherwise. `branch` and `cseq` name its transaction. */
export type Request = {
  readonly uri?: string;
  readonly to?: string;
  readonly branch?: string;
  readonly cseq?: number;
  readonly from?: string;
  readonly callId?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
};

export type CallOptions = {
  /** The contact of the agent. */
  readonly target: { readonly address: string; readonly port: number };
  /** The address to call from (127.0.0.1). */
  readonly from?: string;
};

/** Requests to the user of `uri`, as steps. */
export function request(method: string, wanted: Request = {}): Step {
  const { uri = 'sip:alice@[remote_ip]:[remote_port]', cseq = 1, branch = '[call_number]-1' } = wanted;
  return {
    send: [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_id]-${branch};rport`,
      'Max-Forwards: 70',
      `From: ${wanted.from ?? '"Bob" <sip:bob@pbx.test>;tag=from-[call_number]'}`,
      `To: ${wanted.to ?? '<sip:alice@127.0.0.1>'}`,
      `Call-ID: ${wanted.callId ?? '[call_id]'}`,
      `CSeq: ${cseq} ${method}`,
      'Contact: <sip:bob@[local_ip]:[local_port]>',
      ...(wanted.headers ?? []),
    ],
    ...(wanted.body === undefined ? {} : { body: wanted.body }),
  };
}

/** Runs the steps to their end; every message in order. Rejects with SIPp's words when an answer does not come. */
export async function call(
  { target, from = '127.0.0.1' }: CallOptions,
  steps: readonly Step[],
): Promise<readonly LoggedMessage[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-sipp-call-'));
  const file = (name: string): string => join(folder, name);
  await writeFile(file('scenario.xml'), scenarioOf(steps));
  const place = ['-i', from, '-p', String(await freePort()), '-t', 'u1', '-m', '1', '-nostdin'];
  const limits = ['-recv_timeout', '5000', '-timeout', '20'];
  const traces = ['-trace_msg', '-message_file', file('messages.log'), '-trace_err', '-error_file'];
  const remote = `${target.address}:${target.port}`;
  // -nr: the steps alone say what is sent again.
  const args = [
    '-sf',
    file('scenario.xml'),
    '-nr',
    ...place,
    ...limits,
    ...traces,
    file('errors.log'),
    remote,
  ];
  const group = await startGroup('sipp', args, {
    cwd: folder,
    logFile: file('output.log'),
    env: { TERM: 'dumb' },
  });
  try {
    const { code } = await group.ended;
    const messages = parseMessages(await readFile(file('messages.log'), 'utf8').catch(() => ''));
    if (code === 0) return messages;
    const errors = await readFile(file('errors.log'), 'utf8').catch(() => '');
    throw new Error(`sipp ended with ${code}:\n${errors}\n${messages.map(({ text }) => text).join('\n')}`);
  } finally {
    await group.stop(500);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The steps as a scenario, `beginning` before them. */
export function scenarioOf(steps: readonly Step[], beginning: readonly string[] = []): string {
  return [
    '<?xml version="1.0" encoding="UTF-8" ?>',
    '<scenario name="calls">',
    ...beginning,
    ...steps.map(stepXml),
    '</scenario>',
    '',
  ].join('\n');
}

function stepXml(step: Step): string {
  if ('receive' in step) return `  <recv response="${step.receive}" timeout="5000"/>`;
  if ('pauseMs' in step) return `  <pause milliseconds="${step.pauseMs}"/>`;
  const { send, body = '' } = step;
  return `  <send><![CDATA[\n${send.join('\n')}\nContent-Length: ${body.length}\n\n${body}]]></send>`;
}
