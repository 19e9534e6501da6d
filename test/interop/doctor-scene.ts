// `sipreg doctor` in a test: homes with an accounts file, the report of --json, and what the registrar has seen of it.

import { expect } from 'vitest';
import { type CommandResult, type Home, runSipreg, temporaryHome } from './command.ts';
import { fieldValues, type Kamailio, type KamailioBinding } from './kamailio.ts';

export type FactJson = {
  readonly code: string;
  readonly mark: 'ok' | 'warn' | 'fail' | 'skipped';
  readonly text: string;
  readonly failure: { readonly code: string; readonly cause: string; readonly advice: string } | null;
};

export type DoctorReport = CommandResult & {
  readonly facts: readonly FactJson[];
  /** The first fact with this code. */
  readonly fact: (code: string) => FactJson | undefined;
  /** "auth.credentials auth.rejected": code and verdict of each failing fact. */
  readonly failing: readonly string[];
  /** The codes of what was skipped. */
  readonly skipped: readonly string[];
};

export type DoctorHome = {
  readonly home: Home;
  readonly config: string;
  readonly sipreg: (...args: readonly string[]) => Promise<CommandResult>;
};

export type DoctorScene = {
  /** A home of its own, with an accounts file of these accounts. */
  readonly homeOf: (accounts: object) => Promise<DoctorHome>;
  /** `sipreg doctor --json a` with this account, and nothing else. */
  readonly doctorOf: (account: object, ...args: readonly string[]) => Promise<DoctorReport>;
  readonly close: () => Promise<void>;
};

export function openDoctorScene(): DoctorScene {
  const homes: Home[] = [];
  const homeOf = async (accounts: object): Promise<DoctorHome> => {
    const home = await temporaryHome();
    homes.push(home);
    const config = await home.write('accounts.json', { accounts });
    return { home, config, sipreg: (...args) => runSipreg(['-c', config, ...args], { home }) };
  };
  return {
    homeOf,
    doctorOf: async (account, ...args) => {
      const { sipreg } = await homeOf({ a: account });
      return reportOf(await sipreg('--json', 'doctor', 'a', ...args));
    },
    close: async () => {
      await Promise.all(homes.map((home) => home.remove()));
    },
  };
}

/** The report of the first account; every failure says what to do. */
export function reportOf(result: CommandResult): DoctorReport {
  const document = JSON.parse(result.stdout);
  expect(document.schema).toBe('sipreg.doctor/1');
  const facts: readonly FactJson[] = document.accounts[0].facts;
  const marked = (wanted: FactJson['mark']): readonly FactJson[] =>
    facts.filter(({ mark }) => mark === wanted);
  for (const { failure } of marked('fail')) expect(failure?.advice).toMatch(/\w/);
  return {
    ...result,
    facts,
    fact: (wanted) => facts.find(({ code }) => code === wanted),
    failing: marked('fail').map(({ code, failure }) => `${code} ${failure?.code}`),
    skipped: marked('skipped').map(({ code }) => code),
  };
}

type BoundJson = Pick<KamailioBinding, 'contact' | 'callId' | 'cseq' | 'instance'>;

/** What the registrar has of `user`, without what time changes. */
export async function boundAt(kamailio: Kamailio, user: string): Promise<readonly BoundJson[]> {
  const bindings = await kamailio.bindings(user);
  return bindings.map(({ contact, callId, cseq, instance }) => ({ contact, callId, cseq, instance }));
}

/** The REGISTERs of `user` so far. */
export async function registersOf(kamailio: Kamailio, user: string): Promise<readonly string[]> {
  const requests = await kamailio.requests('REGISTER');
  return requests.map(({ text }) => text).filter((text) => fieldValues(text, 'To')[0]?.includes(`:${user}@`));
}
