// A real Kamailio on loopback for a test: starts in well under a second on ports that the system chose, writes down every
// request, lists its bindings, and can be told to fall silent, to refuse, or to forget. JSON-RPC goes over its TCP port.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.mjs';
import { callRpc } from '../../scripts/kamailio.mjs';
import { type ChildGroup, startGroup } from './child-group.ts';
import { type KamailioOptions, kamailioConfig, tlsConfig } from './kamailio-config.ts';

export type ReceivedRequest = {
  readonly method: string;
  readonly transport: 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';
  readonly source: { readonly address: string; readonly port: number };
  /** The message as it arrived. */
  readonly text: string;
};

/** An HTTP request for a WebSocket. */
export type ReceivedHandshake = { readonly protocol: string; readonly path: string; readonly host: string };

/** What Kamailio's auth module made of a REGISTER. */
export type Authentication = {
  readonly user: string;
  readonly outcome:
    | 'accepted'
    | 'wrong-password'
    | 'unknown-user'
    | 'stale-nonce'
    | 'no-credentials'
    | 'refused';
};

export type KamailioBinding = {
  readonly contact: string;
  readonly expiresSeconds: number;
  readonly callId: string;
  readonly cseq: number;
  readonly userAgent: string;
  /** The address that the REGISTER came from, with `fixNat`. */
  readonly received: string | null;
  readonly instance: string | null;
  readonly regId: number;
};

/** What every request gets while the switch is on. `header` is one whole header field, such as `Retry-After: 5`. */
export type FixedAnswer = { readonly status: number; readonly reason: string; readonly header?: string };

export type Kamailio = {
  readonly address: '127.0.0.1';
  /** UDP and TCP. */
  readonly port: number;
  readonly tlsPort: number;
  /** Every request received so far, in order; `method` selects. */
  readonly requests: (method?: string) => Promise<readonly ReceivedRequest[]>;
  readonly handshakes: () => Promise<readonly ReceivedHandshake[]>;
  readonly authentications: () => Promise<readonly Authentication[]>;
  readonly bindings: (user: string) => Promise<readonly KamailioBinding[]>;
  /** Forgets every binding of the user, as a restarted registrar does. */
  readonly forget: (user: string) => Promise<void>;
  readonly setPassword: (user: string, password: string) => Promise<void>;
  /** Answers nothing from now on (`true`), or answers again (`false`). */
  readonly setSilent: (silent: boolean) => Promise<void>;
  /** Answers everything so, or normally again (`undefined`). */
  readonly answerWith: (answer: FixedAnswer | undefined) => Promise<void>;
  /** Any RPC of Kamailio, such as `tls.reload`. */
  readonly rpc: (method: string, ...params: readonly (string | number)[]) => Promise<unknown>;
  /** Everything that it has logged. */
  readonly log: () => Promise<string>;
  /** Ends all its processes and removes its files; more than once does no harm. */
  readonly stop: () => Promise<void>;
  /** Ends it as a crash would; `stop` still removes its files. */
  readonly kill: () => Promise<void>;
};

/** Starts a Kamailio and resolves when it answers; rejects with its log when it does not within 10 s. */
export async function startKamailio(options: KamailioOptions = {}): Promise<Kamailio> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryStart(options);
    if (typeof outcome !== 'string') return outcome;
    // Another process may have taken the port since it was chosen.
    if (attempt === 3 || !/address already in use/i.test(outcome)) {
      throw new Error(`kamailio did not start:\n${outcome}`);
    }
  }
}

/** The running Kamailio, or its log when it did not come up. */
async function tryStart(options: KamailioOptions): Promise<Kamailio | string> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-kamailio-'));
  const ports = { port: options.port ?? (await freePort()), tlsPort: await freePort() };
  const configFile = join(folder, 'kamailio.cfg');
  const logFile = join(folder, 'kamailio.log');
  const tlsConfigFile = join(folder, 'tls.cfg');
  await writeFile(configFile, kamailioConfig(options, ports, tlsConfigFile), { mode: 0o600 });
  if (options.tls) await writeFile(tlsConfigFile, tlsConfig(options.tls));
  const group = await startGroup(
    'kamailio',
    ['-f', configFile, '-DD', '-E', '-m', '32', '-M', '4', '-Y', folder, '-w', folder],
    { cwd: folder, logFile },
  );
  const kamailio = handle(group, ports, { folder, logFile });
  try {
    await untilReady(kamailio, group);
    for (const [user, password] of Object.entries(options.users ?? {})) {
      await kamailio.setPassword(user, password);
    }
    await kamailio.rpc('htable.sets', 'switches', 'open', 'yes');
    return kamailio;
  } catch (error) {
    const log = `${error}\n${await kamailio.log()}`;
    await kamailio.stop();
    return log;
  }
}

async function untilReady(kamailio: Kamailio, group: ChildGroup): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      await kamailio.rpc('core.version');
      return;
    } catch (error) {
      if (!group.running() || performance.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

function handle(
  group: ChildGroup,
  { port, tlsPort }: { readonly port: number; readonly tlsPort: number },
  { folder, logFile }: { readonly folder: string; readonly logFile: string },
): Kamailio {
  const log = (): Promise<string> => readFile(logFile, 'utf8');
  const rpc: Kamailio['rpc'] = (method, ...params) => callRpc(port, method, params);
  const setSwitch = async (name: string, value: string | number | undefined): Promise<void> => {
    // Deleting a key that is not there is no error to us.
    if (value === undefined) await rpc('htable.delete', 'switches', name).catch(() => undefined);
    else await rpc(typeof value === 'number' ? 'htable.seti' : 'htable.sets', 'switches', name, value);
  };
  let stopped: Promise<void> | undefined;
  return {
    address: '127.0.0.1',
    port,
    tlsPort,
    requests: async (method) => {
      const received = parseRequests(await log());
      return method === undefined ? received : received.filter((request) => request.method === method);
    },
    handshakes: async () => parseHandshakes(await log()),
    authentications: async () => parseAuthentications(await log()),
    bindings: (user) => listBindings(rpc, user),
    forget: async (user) => {
      await rpc('ul.rm', 'location', user);
    },
    setPassword: async (user, password) => {
      await rpc('htable.sets', 'users', user, password);
    },
    setSilent: (silent) => setSwitch('silent', silent ? 'yes' : undefined),
    answerWith: async (answer) => {
      await setSwitch('reason', answer?.reason);
      await setSwitch('header', answer?.header);
      await setSwitch('status', answer?.status);
    },
    rpc,
    log,
    stop: () => {
      stopped ??= group.stop().then(() => rm(folder, { recursive: true, force: true }));
      return stopped;
    },
    kill: group.kill,
  };
}

/** The values of one header field of a message's text, in order, without folding and compact forms. */
export function fieldValues(message: string, name: string): readonly string[] {
  const head = message.slice(0, message.indexOf('\r\n\r\n'));
  const prefix = `${name.toLowerCase()}:`;
  return head
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length).trim());
}

function parseRequests(log: string): ReceivedRequest[] {
  return Array.from(
    log.matchAll(/RECEIVED (\S+) (\d+) (\w+) (\S*)/g),
    ([, address, port, transport, base64]) => {
      const text = Buffer.from(base64 ?? '', 'base64').toString();
      return {
        method: text.slice(0, text.indexOf(' ')),
        transport: transport as ReceivedRequest['transport'],
        source: { address: address ?? '', port: Number(port) },
        text,
      };
    },
  );
}

function parseHandshakes(log: string): ReceivedHandshake[] {
  return Array.from(
    log.matchAll(/HANDSHAKE (\S+) (\S+) (\S+)/g),
    ([, protocol = '', path = '', host = '']) => ({ protocol, path, host }),
  );
}

/** Return codes of pv_www_authenticate, from the documentation of Kamailio's auth module. */
const OUTCOMES: Readonly<Record<string, Authentication['outcome']>> = {
  '1': 'accepted',
  '-2': 'wrong-password',
  '-3': 'unknown-user',
  '-4': 'stale-nonce',
  '-5': 'no-credentials',
};

function parseAuthentications(log: string): Authentication[] {
  return Array.from(log.matchAll(/AUTHENTICATION (-?\d+) (\S+)/g), ([, code = '', user = '']) => ({
    user: user === '<null>' ? '' : user,
    outcome: OUTCOMES[code] ?? 'refused',
  }));
}

async function listBindings(rpc: Kamailio['rpc'], user: string): Promise<readonly KamailioBinding[]> {
  const found = await rpc('ul.lookup', 'location', user).catch((error: Error) => {
    if (/\b404\b|not found/i.test(error.message)) return { Contacts: [] };
    throw error;
  });
  const { Contacts } = found as { readonly Contacts: readonly { readonly Contact: RpcContact }[] };
  return Contacts.map(({ Contact: contact }) => ({
    contact: contact.Address,
    expiresSeconds: Number(contact.Expires),
    callId: contact['Call-ID'],
    cseq: Number(contact.CSeq),
    userAgent: contact['User-Agent'],
    received: absent(contact.Received),
    instance: absent(contact.Instance),
    regId: Number(contact['Reg-Id']),
  })).filter(({ expiresSeconds }) => !(expiresSeconds <= 0));
}

type RpcContact = Readonly<
  Record<'Address' | 'Call-ID' | 'User-Agent' | 'Received' | 'Instance', string> &
    Record<'Expires' | 'CSeq' | 'Reg-Id', string | number>
>;

function absent(value: string): string | null {
  return value === '[not set]' ? null : value;
}
