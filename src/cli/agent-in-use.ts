// The running agent that a command talks to: where its socket is, the question, and the words when there is no answer.
// It is on the way of every `status`, so it loads neither the accounts' schema nor anything else that is heavy.

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { locateAccountsFile } from '../accounts/location.ts';
import { type Answer, askAgent, type ControlFailure } from '../agent/control/client.ts';
import type { CommandName, ControlErrorCode, Requests } from '../agent/control/protocol.ts';
import { configuredSocket, socketPath } from '../agent/control/socket-path.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import type { Output } from './output.ts';

/** Reading costs the agent nothing; one that is silent for so long hangs. */
export const READING_TIMEOUT_MS = 5_000;

/** Longer than a REGISTER with its challenges and its failover takes. */
export const OPERATION_TIMEOUT_MS = 120_000;

/** The socket where the agent should be. */
export function agentSocket({ settings }: Output): string {
  const home = homedir();
  const located = locateAccountsFile({ option: settings.config, env: process.env, home });
  const socketFor = (accountsPath: string | null): string | null =>
    socketPath({
      option: settings.socket,
      env: process.env,
      configured: () => (accountsPath === null ? null : configuredSocket(accountsPath)),
      accountsPath,
      home,
      uid: process.getuid?.() ?? 0,
    });
  const path = socketFor(located.path);
  // Without any accounts at their usual places it may be an agent of this user's, started with -c.
  const own = located.kind === 'system' && !existsSync(located.path) ? socketFor(null) : null;
  if (own !== null && existsSync(own) && !(path !== null && existsSync(path))) return own;
  if (path !== null) return path;
  const advice = 'set XDG_RUNTIME_DIR, or name it with --socket';
  throw new CommandError(EXIT.unreachable, `nothing says where the agent's socket is; ${advice}`);
}

/** The agent's answer; without one the command ends. */
export async function askInUse<C extends Exclude<CommandName, 'follow'>>(
  request: Requests[C] & { readonly command: C },
  timeoutMs: number,
  output: Output,
): Promise<Answer<C>> {
  const path = agentSocket(output);
  const answer = await askAgent<C>(path, request, { timeoutMs });
  if (!answer.ok) throw agentError(path, answer.error);
  return answer.value;
}

/** How a command ends that the agent at `path` did not answer. */
export function agentError(path: string, failed: ControlFailure): CommandError {
  const { message } = failed;
  switch (failed.type) {
    case 'not-running': {
      const advice = 'start it with "sipreg run", or name its socket with --socket';
      return new CommandError(EXIT.unreachable, `no agent is running at ${path} (${message}); ${advice}`);
    }
    case 'no-permission': {
      const advice = "use the agent's own user or root; a group may read when agent.socketGroup says so";
      return new CommandError(EXIT.unreachable, `the agent at ${path} is not this user's to ask; ${advice}`);
    }
    case 'no-answer':
    case 'broken': {
      const advice = "look into the agent's log, or restart it";
      return new CommandError(
        EXIT.unreachable,
        `the agent at ${path} does not answer: ${message}; ${advice}`,
      );
    }
    case 'refused':
      return new CommandError(EXIT_OF_REFUSAL[failed.code] ?? EXIT.unreachable, message);
  }
}

/** Everything else is 69: no answer that this command could use. */
const EXIT_OF_REFUSAL: Partial<Readonly<Record<ControlErrorCode, ExitCode>>> = {
  'unknown-account': EXIT.noInput,
  busy: EXIT.notNow,
  internal: EXIT.bug,
};
