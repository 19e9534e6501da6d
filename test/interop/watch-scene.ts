// What a test of `register --watch` needs, for itself alone, so that tests that mostly wait can wait side by side.

import { type Home, type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';
import type { KamailioOptions } from './kamailio-config.ts';

/** Vitest's onTestFinished of one test. */
type AtTheEnd = (end: () => Promise<void>) => void;

export type WatchScene = {
  readonly home: Home;
  /** The account `a` of alice, with the password "first", at `port` of loopback. */
  readonly accountsFile: (port: number, entry?: object) => Promise<string>;
  /** Starts `register --watch a` and resolves at once. */
  readonly start: (config: string, ...options: readonly string[]) => RunningCommand;
  /** The same, but resolves when it has registered. */
  readonly watch: (config: string, ...options: readonly string[]) => Promise<RunningCommand>;
};

export async function openScene(atTheEnd: AtTheEnd): Promise<WatchScene> {
  const home = await temporaryHome();
  atTheEnd(home.remove);
  const start: WatchScene['start'] = (config, ...options) =>
    startSipreg(['-c', config, 'register', '--watch', 'a', ...options], { home });
  return {
    home,
    accountsFile: (port, entry = {}) => {
      const registrar = `sip:127.0.0.1:${port}`;
      const account = { aor: 'sip:alice@127.0.0.1', registrar, password: 'first', ...entry };
      return home.write('accounts.json', { accounts: { a: account } });
    },
    start,
    watch: async (config, ...options) => {
      const command = start(config, ...options);
      await command.waitFor('stdout', /registered for|"state":"registered"/);
      return command;
    },
  };
}

/** A Kamailio that knows alice and grants even a second. */
export async function openKamailio(atTheEnd: AtTheEnd, options: KamailioOptions = {}): Promise<Kamailio> {
  const kamailio = await startKamailio({ users: { alice: 'first' }, minExpires: 1, ...options });
  atTheEnd(kamailio.stop);
  return kamailio;
}

/** Asks it to end, and says how it did. */
export async function endOf(command: RunningCommand) {
  command.kill('SIGTERM');
  return await command.result;
}
