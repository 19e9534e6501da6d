// The other end of $NOTIFY_SOCKET, as a service manager has it: a datagram socket of the Unix family, which Node does not
// have, so perl holds it. Every message is kept as its lines.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type NotifyReceiver = {
  readonly path: string;
  /** Every message so far; a message is its lines, "READY=1" and the like. */
  readonly messages: () => readonly (readonly string[])[];
  /** The first message with such a line, and of those that come; rejects after 20 s. */
  readonly until: (line: RegExp, after?: number) => Promise<readonly string[]>;
  readonly close: () => Promise<void>;
};

/** Prints each datagram as one line of hexadecimal digits. */
const PROGRAM = `
  use IO::Socket::UNIX; use Socket;
  $| = 1;
  my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die "$ARGV[0]: $!";
  while (defined $socket->recv(my $message, 65536)) { print unpack('H*', $message), "\\n" }
`;

const WITHIN_MS = 20_000;

/** Listens at `path`, in which nothing may be yet. */
export async function startNotifyReceiver(path: string): Promise<NotifyReceiver> {
  const child = spawn('perl', ['-e', PROGRAM, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    output += text;
  });
  const messages = (): readonly (readonly string[])[] =>
    output
      .split('\n')
      .slice(0, -1)
      .map((line) => Buffer.from(line, 'hex').toString('utf8').trimEnd().split('\n'));
  const deadline = performance.now() + WITHIN_MS;
  while (!existsSync(path)) {
    if (performance.now() > deadline || child.exitCode !== null) throw new Error('perl does not listen');
    await sleep(20);
  }
  return {
    path,
    messages,
    until: async (line, after = 0) => {
      const until = performance.now() + WITHIN_MS;
      for (;;) {
        const found = messages()
          .slice(after)
          .find((lines) => lines.some((one) => line.test(one)));
        if (found !== undefined) return found;
        if (performance.now() > until) throw new Error(`no ${line} in ${JSON.stringify(messages())}`);
        await sleep(50);
      }
    },
    close: async () => {
      child.kill();
      await ended;
    },
  };
}
