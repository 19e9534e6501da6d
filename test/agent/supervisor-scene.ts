// A supervisor as the agent has it, with an accounts file and a state directory of its own, and the embedded registrar
// to register at: in this process, so that a test can look into every account.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadedAccounts, loadAccounts } from '../../src/accounts/load.ts';
import type { AgentEvent } from '../../src/agent/events.ts';
import type { ManagedRegistration, Member } from '../../src/agent/managed-registration.ts';
import { Supervisor, type SupervisorOptions } from '../../src/agent/supervisor.ts';
import { unwatchedTls } from '../../src/agent/tls-watch.ts';
import type { AccountState } from '../../src/core/health/snapshot.ts';
import type { AnsweredEvent } from '../../src/registrar/reception.ts';
import { type RegistrarOptions, type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { exactNow } from '../../src/runtime/clock.ts';
import { systemRng } from '../../src/runtime/entropy.ts';
import { openIdentityStore } from '../../src/state/identity-store.ts';

/** Vitest's onTestFinished of one test. */
export type AtTheEnd = (end: () => Promise<void>) => void;

export const PASSWORD = 'first';

/** Entries of an accounts file by name. */
export type Entries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export type Scene = {
  readonly directory: string;
  /** Writes the accounts file (0600). */
  readonly write: (accounts: Entries, rest?: object) => Promise<string>;
  /** The accounts file as it stands. */
  readonly load: () => Promise<LoadedAccounts>;
  /** A supervisor that keeps the accounts of the file; `events` is everything that it has told. */
  readonly supervise: (options?: Partial<SupervisorOptions>) => Promise<Supervised>;
};

export type Supervised = {
  readonly supervisor: Supervisor;
  readonly loaded: LoadedAccounts;
  readonly events: readonly AgentEvent[];
  readonly notices: readonly string[];
};

export async function openScene(atTheEnd: AtTheEnd): Promise<Scene> {
  const directory = await mkdtemp(join(tmpdir(), 'sipreg-supervisor-'));
  atTheEnd(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'accounts.json');
  const load = async (): Promise<LoadedAccounts> => {
    const loaded = await loadAccounts(path);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error.problems));
    return loaded.value;
  };
  return {
    directory,
    load,
    write: async (accounts, rest = {}) => {
      await writeFile(path, JSON.stringify({ ...rest, accounts }, null, 2), { mode: 0o600 });
      return path;
    },
    supervise: async (options = {}) => {
      const events: AgentEvent[] = [];
      const notices: string[] = [];
      const store = await openIdentityStore(join(directory, 'state'), {
        rng: systemRng,
        now: exactNow,
        notify: ({ message }) => notices.push(message),
      });
      if (!store.ok) throw new Error(store.error.message);
      const supervisor = new Supervisor({
        product: 'sipreg/test',
        tls: unwatchedTls(),
        store: store.value,
        emit: (event) => events.push(event),
        message: null,
        dropped: () => {},
        only: [],
        pace: undefined,
        expires: null,
        heedsPauses: true,
        insists: false,
        retryCommand: 'refresh',
        ...options,
      });
      const loaded = await load();
      await supervisor.start(loaded, new AbortController().signal);
      atTheEnd(async () => void (await supervisor.stop(true, AbortSignal.abort())));
      return { supervisor, loaded, events, notices };
    },
  };
}

/** A registrar that knows alice, bob and carol, and grants whatever is asked for. */
export async function openRegistrar(
  atTheEnd: AtTheEnd,
  options: Partial<RegistrarOptions> = {},
): Promise<RunningRegistrar> {
  const registrar = await startRegistrar({
    users: { alice: PASSWORD, bob: PASSWORD, carol: PASSWORD },
    settings: { expires: { defaultSeconds: 3600, minSeconds: 1, maxSeconds: 7200 } },
    ...options,
  });
  atTheEnd(registrar.close);
  return registrar;
}

/** The entry of `user` at `registrar`. */
export function entryAt(registrar: RunningRegistrar, user: string, rest: object = {}) {
  const at = `sip:127.0.0.1:${registrar.ports.udp}`;
  return { aor: `sip:${user}@127.0.0.1`, registrar: at, password: PASSWORD, transport: 'udp', ...rest };
}

/** The REGISTERs that were answered, in order. */
export function answered(registrar: RunningRegistrar): readonly AnsweredEvent[] {
  return registrar.events().filter((event) => event.type === 'answered');
}

export function memberOf(supervisor: Supervisor, name: string): Member {
  const member = supervisor.members.byName.get(name);
  if (member === undefined) throw new Error(`the supervisor has no ${name}`);
  return member;
}

export function accountOf(supervisor: Supervisor, name: string): ManagedRegistration {
  const { flows } = memberOf(supervisor, name);
  if (flows === null) throw new Error(`${name} is disabled`);
  return flows[0];
}

/** Waits until every named account is in `state`. */
export async function untilState(
  supervisor: Supervisor,
  state: AccountState,
  ...names: readonly string[]
): Promise<void> {
  const states = (): readonly string[] => names.map((name) => accountOf(supervisor, name).lifecycle.state);
  await until(
    () => states().every((one) => one === state),
    () => `${states()} became ${state}`,
  );
}

/** Waits until `holds`, and says what did not happen when it never does. */
export async function until(holds: () => boolean, what: () => string, withinMs = 8_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`it never happened that ${what()}`);
    await sleep(5);
  }
}

/** Makes the account's machine fail with a bug the next `times` that it writes a REGISTER. */
export function injectBug(account: ManagedRegistration, times = Number.POSITIVE_INFINITY): void {
  const { lifecycle } = account;
  const { plan } = lifecycle.registration;
  let left = times;
  const profile = new Proxy(plan.profile, {
    get: (target, key: keyof typeof plan.profile) => {
      if (key !== 'userAgent' || left-- <= 0) return target[key];
      throw new Error('an injected bug');
    },
  });
  const registration = { ...lifecycle.registration, plan: { ...plan, profile } };
  account.lifecycle = { ...lifecycle, registration };
}
