// `sipreg demo`: a tour of what sipreg does, on loopback against the embedded registrar. Everything in it is real but
// the people; it writes no file and leaves nothing behind.

import type { AccountEntry } from '../../accounts/schema.ts';
import { prepareAccount } from '../../agent/account-setup.ts';
import { Engine } from '../../agent/engine.ts';
import { type ManagedRegistration, nameOf, type PreparedAccount } from '../../agent/managed-registration.ts';
import { describeAccount, rememberAccount } from '../../agent/one-shot.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import type { Goal } from '../../core/registration/input.ts';
import { startRegistrar } from '../../registrar/server.ts';
import { systemRng } from '../../runtime/entropy.ts';
import { readMemory } from '../../state/identity-store.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { failureLines, registeredLine, removedLine } from '../render/account-line.ts';
import { bindingsTable } from '../render/bindings-table.ts';
import { messageObserver } from '../render/message-text.ts';
import { PRODUCT } from '../version.ts';

/** One stop of the tour: what is shown, and whether it went as it should. */
type Stop = {
  readonly account: ManagedRegistration;
  readonly goal: Goal;
  readonly story: string;
  readonly expected: (snapshot: AccountSnapshot) => boolean;
};

const USER = 'office';
const PASSWORD = 'correct horse battery staple';

/** Runs the tour; the exit code is 1 when a stop did not go as it should. */
export async function demo(output: Output): Promise<number> {
  const registrar = await startRegistrar({ users: { [USER]: PASSWORD } });
  const finished = new Map<ManagedRegistration, () => void>();
  const engine = new Engine(systemRng, {
    stateChanged: () => {},
    finished: (account) => finished.get(account)?.(),
    warned: (account, text) => output.warning(`${nameOf(account)}: ${text}`),
    ...messageObserver(output),
  });
  const visit = async ({ account, goal }: Stop): Promise<AccountSnapshot> => {
    await new Promise<void>((resolve) => {
      finished.set(account, resolve);
      engine.request(account, { type: 'roundRequested', goal });
    });
    return describeAccount([account]);
  };
  try {
    const where = `sip:127.0.0.1:${registrar.ports.udp}`;
    output.result(
      `A registrar listens on ${where} for one user, "${USER}". It wants digest, SHA-256 first.\n`,
    );
    const stops = await planTour(where);
    const snapshots: AccountSnapshot[] = [];
    let isAsExpected = true;
    for (const [index, stop] of stops.entries()) {
      const snapshot = await visit(stop);
      snapshots.push(snapshot);
      isAsExpected &&= stop.expected(snapshot);
      output.result(
        `${output.theme.strong(`${index + 1}. ${stop.story}`)}\n${resultText(stop, snapshot, output)}\n`,
      );
    }
    for (const { account } of stops) await engine.conclude(account);
    if (output.settings.json) output.document({ schema: 'sipreg.demo/1', stops: snapshots });
    output.result(isAsExpected ? farewell() : 'This is not how it should have gone: please report it.');
    return isAsExpected ? EXIT.done : EXIT.attention;
  } finally {
    engine.close();
    await registrar.close();
  }
}

async function planTour(registrar: string): Promise<readonly Stop[]> {
  const aor = `sip:${USER}@127.0.0.1`;
  const [office] = rememberAccount(await prepare(USER, { aor, registrar, password: PASSWORD, expires: 120 }));
  const [typo] = rememberAccount(await prepare('typo', { aor, registrar, password: 'correct house' }));
  const isRegistered = ({ state }: AccountSnapshot): boolean => state === 'registered';
  return [
    {
      account: office,
      goal: 'register',
      story: 'It registers: a challenge, an answer, and the time that the registrar really granted.',
      expected: (snapshot) => isRegistered(snapshot) && snapshot.requests === 2,
    },
    {
      account: office,
      goal: 'register',
      story: 'It refreshes: the nonce was kept, so one request is enough.',
      expected: (snapshot) => isRegistered(snapshot) && snapshot.requests === 1,
    },
    {
      account: office,
      goal: 'register',
      story: 'And again, long before the binding ends.',
      expected: (snapshot) => isRegistered(snapshot) && snapshot.requests === 1,
    },
    {
      account: typo,
      goal: 'register',
      story: 'A wrong password: two requests and a verdict, not a storm that ends in a ban.',
      expected: ({ failure, requests }) => failure?.code === 'auth.rejected' && requests === 2,
    },
    {
      account: office,
      goal: 'query',
      story: 'The good registration did not suffer. This is what the registrar has bound:',
      expected: ({ bindings }) => bindings.length === 1 && bindings[0]?.own === true,
    },
    {
      account: office,
      goal: 'remove',
      story: 'The end: it removes its own binding, and no other.',
      expected: ({ state, failure }) => state === 'unregistered' && failure === null,
    },
  ];
}

function prepare(name: string, entry: AccountEntry): Promise<PreparedAccount> {
  const memory = readMemory(null, systemRng);
  const options = { product: PRODUCT, store: null, memory, keepsAlive: false, expires: null };
  return prepareAccount('.', name, entry, options);
}

function resultText({ goal }: Stop, snapshot: AccountSnapshot, { theme }: Output): string {
  if (snapshot.failure !== null)
    return failureLines(snapshot, snapshot.failure, 'not registered', null, theme);
  switch (goal) {
    case 'query':
      return bindingsTable(snapshot, theme);
    case 'register':
      return registeredLine(snapshot, theme);
    default:
      return removedLine(snapshot, theme);
  }
}

function farewell(): string {
  return [
    'That was all of it. Your own account, in a minute:',
    '  sipreg account add office        asks for server, user and password, and offers to try them',
    '  sipreg register office           registers once',
    '  sipreg register office --watch   keeps it registered until Ctrl-C',
  ].join('\n');
}
