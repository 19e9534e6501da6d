// `sipreg trace`: the running agent's last SIP messages, redacted: as text, as a ladder, as a capture file for Wireshark and
// sngrep, as JSON; --follow goes on with those that come.

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { followTrace } from '../../agent/control/client.ts';
import type { TraceMessage } from '../../agent/trace/trace-ring.ts';
import { printableJson } from '../../core/health/evidence.ts';
import { messageOf } from '../../core/thrown.ts';
import { isStream, writeAtomically } from '../../runtime/atomic-file.ts';
import { agentError, agentSocket, askInUse, READING_TIMEOUT_MS } from '../agent-in-use.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { ladderText } from '../render/ladder.ts';
import { traceText } from '../render/trace-text.ts';
import { catchSignals, untilUnread } from '../signals.ts';

export type TraceOptions = {
  /** How many of the last messages; null: all that there are, and with `follow` none. */
  readonly last: number | null;
  readonly ladder: boolean;
  readonly pcap: string | null;
  readonly follow: boolean;
};

/** Runs the command and returns its exit code. */
export async function trace(
  names: readonly string[],
  options: TraceOptions,
  output: Output,
): Promise<number> {
  const accounts = [...new Set(names)];
  if (options.follow) {
    if (options.ladder || options.pcap !== null) {
      throw new CommandError(EXIT.usage, '--follow shows text, or NDJSON with --json; no ladder and no file');
    }
    return await follow(accounts, options.last ?? 0, output);
  }
  const last = options.last ?? Number.MAX_SAFE_INTEGER;
  const { items } = await askInUse(
    { command: 'trace', accounts, last, follow: false },
    READING_TIMEOUT_MS,
    output,
  );
  if (output.settings.json) output.document({ schema: 'sipreg.trace/1', messages: items });
  if (options.pcap !== null) await writeCapture(options.pcap, items, output);
  else if (items.length === 0) output.note('there are no messages yet');
  else if (options.ladder) output.result(ladderText(items, output.theme));
  else output.result(items.map((message) => traceText(message, output.theme)).join('\n\n'));
  return EXIT.done;
}

async function writeCapture(file: string, messages: readonly TraceMessage[], output: Output): Promise<void> {
  const { packetCapture } = await import('../../agent/trace/packet-capture.ts');
  const path = resolve(file);
  const capture = packetCapture(messages);
  const isPassedOn = isStream(path);
  try {
    if (isPassedOn) await writeFile(path, capture);
    else await writeAtomically(path, [capture], 0o600);
  } catch (error) {
    const words = messageOf(error);
    throw new CommandError(EXIT.notNow, `${path} cannot be written: ${words}`);
  }
  const count = messages.length === 1 ? '1 message' : `${messages.length} messages`;
  const secured = messages.filter(({ transport }) => transport === 'tls' || transport === 'wss').length;
  const note = secured === 0 ? '' : `; ${secured} went over TLS and stand there as plain TCP`;
  // In a stream the capture may be stdout itself.
  if (isPassedOn) output.note(`${path}  ${count}${note}`);
  else output.result(`${output.theme.good('✓')} ${path}  ${count}${note}`);
}

async function follow(accounts: readonly string[], last: number, output: Output): Promise<number> {
  const signals = catchSignals();
  const end = untilUnread(signals);
  const path = agentSocket(output);
  const tell = (message: TraceMessage): void => {
    if (output.settings.json) process.stdout.write(`${printableJson(JSON.stringify(message))}\n`);
    else output.result(`${traceText(message, output.theme)}\n`);
  };
  try {
    const failed = await followTrace(
      path,
      { accounts, last },
      {
        started: ({ items }) => items.forEach(tell),
        event: tell,
        lost: (count) => output.warning(`${count} messages came too fast and are left out here`),
      },
      { timeoutMs: READING_TIMEOUT_MS, signal: end },
    );
    if (failed !== null) throw agentError(path, failed);
    if (end.aborted) return EXIT.done;
    throw new CommandError(EXIT.unreachable, `the agent at ${path} has ended`);
  } finally {
    signals.release();
  }
}
