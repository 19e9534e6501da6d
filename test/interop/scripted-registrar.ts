// The common ground of the tests with SIPp: a home, scripted registrars that end with the test, and one run of a command
// of the account `a` at one of them.

import type { CommandResult, Home } from './command.ts';
import { runSipreg, temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';
import { type ScriptedAnswer, type ScriptedRegistrar, startScriptedRegistrar } from './sipp.ts';

export const PASSWORD = 'Mellon!';

export type Stage = {
  readonly home: Home;
  /** Starts a registrar that gives these answers, on a free port unless told. */
  readonly registrar: (
    answers: readonly ScriptedAnswer[],
    transport?: 'udp' | 'tcp',
    port?: number,
  ) => Promise<ScriptedRegistrar>;
  /** `sipreg --json COMMAND a OPTIONS`, with the keys of `entry` over those of an account of alice at `port`. */
  readonly run: (port: number, entry?: object, words?: readonly string[]) => Promise<CommandResult>;
  /** Registers at a registrar that gives `answers`: what came of it, and what the registrar has received. */
  readonly register: (
    answers: readonly ScriptedAnswer[],
    entry?: object,
  ) => Promise<{ readonly result: CommandResult; readonly requests: readonly string[] }>;
  readonly close: () => Promise<void>;
};

export async function openStage(): Promise<Stage> {
  const home = await temporaryHome();
  const registrars: ScriptedRegistrar[] = [];
  const startRegistrar: Stage['registrar'] = async (answers, transport, port) => {
    const registrar = await startScriptedRegistrar({ answers }, transport, port);
    registrars.push(registrar);
    return registrar;
  };
  const run: Stage['run'] = async (port, entry = {}, words = ['register', 'a', '--timeout', '5']) => {
    const account = { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${port}`, password: PASSWORD };
    const config = await home.write('accounts.json', { accounts: { a: { ...account, ...entry } } });
    return await runSipreg(['--json', '-c', config, ...words], { home });
  };
  return {
    home,
    registrar: startRegistrar,
    run,
    register: async (answers, entry) => {
      const registrar = await startRegistrar(answers);
      const result = await run(registrar.port, entry);
      return { result, requests: await registrar.requests() };
    },
    close: async () => {
      await Promise.all(registrars.map((registrar) => registrar.stop()));
      await home.remove();
    },
  };
}

export const OK: ScriptedAnswer = { status: 200, reason: 'OK' };

/** A 401 with one or more values of WWW-Authenticate. */
export function unauthorized(...challenges: readonly string[]): ScriptedAnswer {
  return {
    status: 401,
    reason: 'Unauthorized',
    headers: challenges.map((challenge) => `WWW-Authenticate: ${challenge}`),
  };
}

/** The CSeq number of each request. */
export function cseqNumbers(requests: readonly string[]): readonly number[] {
  return requests.map((request) => Number.parseInt(fieldValues(request, 'CSeq')[0] ?? '', 10));
}

/** The values of one header field of all requests, of each its first, or undefined. */
export function firstValues(requests: readonly string[], name: string): readonly (string | undefined)[] {
  return requests.map((request) => fieldValues(request, name)[0]);
}
