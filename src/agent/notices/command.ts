// A notice as a command: the facts are in its environment, no shell is asked. It has a bounded time, after which it is ended
// together with everything that it started; of what it prints the first lines go into the log. What it leaves running when
// it ends by itself is not waited for.

import { printableUpTo } from '../../core/health/evidence.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Millis } from '../../core/time.ts';
import { closePipes, endGroup } from '../../runtime/process-group.ts';
import type { Deliver, DeliveryProblem } from './delivery.ts';
import { type Notice, noticeText } from './notice.ts';

export type CommandOptions = {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly withinMs?: Millis;
  /** Told what the command printed, if anything. */
  readonly printed: (text: string) => void;
};

const COMMAND_WITHIN_MS: Millis = 30_000;
/** What it had printed is read within this time after its end; what it left running may hold the pipes for hours. */
const LAST_WORDS_WITHIN_MS: Millis = 200;
const MAX_OUTPUT_BYTES = 4_096;
const MAX_LOGGED = 500;

/**
 * What it gets of our environment. Not all: a password may be there, as the source of a secret.
 */
const INHERITED = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'],
  ...['XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS', 'DISPLAY', 'WAYLAND_DISPLAY'],
];

/** Runs the command once for each notice. */
export function commandDelivery({
  argv,
  env,
  withinMs = COMMAND_WITHIN_MS,
  printed,
}: CommandOptions): Deliver {
  return async (notice, end) => {
    // Loaded for those who want a command only.
    const { spawn } = await import('node:child_process');
    const [program = '', ...rest] = argv;
    return await new Promise<Result<void, DeliveryProblem>>((resolve) => {
      const child = spawn(program, rest, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...inherited(env), ...factsOf(notice) },
        detached: true,
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          if (output.length < MAX_OUTPUT_BYTES) output += text.slice(0, MAX_OUTPUT_BYTES - output.length);
        });
      }
      const overdue = setTimeout(() => leave(`took longer than ${withinMs / 1000} s`), withinMs).unref();
      const ended = (): void => leave('was ended with the agent');
      end.addEventListener('abort', ended, { once: true });
      child.once('error', (error) => finish(`cannot be run: ${reasonOf(error)}`));
      child.once('exit', () => setTimeout(() => closePipes(child), LAST_WORDS_WITHIN_MS).unref());
      child.once('close', (code, signal) =>
        finish(code === 0 ? null : `ended with ${signal ?? `status ${code}`}`),
      );

      function finish(problem: string | null): void {
        clearTimeout(overdue);
        end.removeEventListener('abort', ended);
        const text = printableUpTo(MAX_LOGGED, output);
        if (problem === null && text !== '') printed(`${program} printed: ${text}`);
        const words = `the command ${program} ${problem}${text === '' ? '' : `: ${text}`}`;
        resolve(problem === null ? success(undefined) : failure({ text: words, isFinal: true }));
      }

      function leave(problem: string): void {
        endGroup(child);
        finish(problem);
      }
    });
  };
}

/** The facts by name; of several accounts the first, and the names of all that the notice has. */
export function factsOf(notice: Notice): Readonly<Record<string, string>> {
  const { event, time, count, accounts, certificates, troubles, agent } = notice;
  const [first] = accounts;
  return {
    SIPREG_EVENT: event,
    SIPREG_TIME: time,
    SIPREG_TEXT: noticeText(notice),
    SIPREG_COUNT: String(count),
    SIPREG_ACCOUNTS: accounts.map(({ account }) => account).join(' '),
    SIPREG_ACCOUNT: first?.account ?? '',
    SIPREG_AOR: first?.aor ?? '',
    SIPREG_REGISTRAR: first?.registrar ?? '',
    SIPREG_STATE: first?.state ?? '',
    SIPREG_SINCE: first?.since ?? '',
    SIPREG_CODE: first?.failure?.code ?? '',
    SIPREG_CAUSE: first?.failure?.cause ?? '',
    SIPREG_ADVICE: first?.failure?.advice ?? '',
    SIPREG_STATUS: first?.failure?.status?.toString() ?? '',
    SIPREG_NEXT_ATTEMPT: first?.nextAttempt ?? '',
    SIPREG_DOWN_FOR: first?.downFor?.toString() ?? '',
    SIPREG_CERTIFICATES: certificates.join('\n'),
    SIPREG_TROUBLES: troubles.join('\n'),
    SIPREG_REGISTERED: String(agent.registered),
    SIPREG_ENABLED: String(agent.enabled),
  };
}

function inherited(env: CommandOptions['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : error.message;
  return { ENOENT: 'it does not exist', EACCES: 'this user has no right to it' }[code] ?? code;
}
