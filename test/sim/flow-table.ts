// The flows of a simulated process, as src/runtime/transport/registry.ts keeps them: accounts that go to the same place
// share one, and the last one closes it.

import type { Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Connection, Link } from './link.ts';
import { HOST_ADDRESS } from './nat.ts';
import type { SimAccount, SimFlow } from './sim-account.ts';

export type Opened =
  | { readonly flow: SimFlow }
  | { readonly code: 'connect.refused' | 'connect.timeout' | 'connect.closed' | 'tls.untrusted' };

type Entry = { readonly waiting: ((result: Opened) => void)[]; flow: SimFlow | null };

type Surroundings = {
  readonly link: Link;
  readonly firstPort: number;
  /** Runs in the process, when it lives and is awake. */
  readonly inProcess: (run: () => void) => void;
  readonly later: (ms: Millis, run: () => void) => void;
};

export type FlowTable = ReturnType<typeof createFlowTable>;

export function createFlowTable({ link, firstPort, inProcess, later }: Surroundings) {
  const entries = new Map<string, Entry>();
  const flows = new Map<number, SimFlow>();
  const flowOfPort = new Map<number, SimFlow>();
  const flowOfConnection = new Map<number, SimFlow>();
  let ids = 0;
  let ports = firstPort;

  const register = (target: Target, key: string, port: number, connection: Connection | null): SimFlow => {
    ids += 1;
    const flow: SimFlow = {
      id: ids,
      transport: target.transport,
      local: { address: HOST_ADDRESS, port },
      remote: { address: target.address, port: target.port },
      tls: null,
      key,
      users: new Set(),
      connection,
      isOpen: true,
      isProven: false,
      heardAt: Number.NEGATIVE_INFINITY,
    };
    flows.set(flow.id, flow);
    if (connection === null) flowOfPort.set(port, flow);
    else flowOfConnection.set(connection.id, flow);
    return flow;
  };
  const portFor = (preferred: number | null): number => {
    if (preferred !== null && !flowOfPort.has(preferred)) return preferred;
    ports += 1;
    return ports;
  };
  const close = (flow: SimFlow): void => {
    if (!flow.isOpen) return;
    flow.isOpen = false;
    flows.delete(flow.id);
    if (flow.connection === null) flowOfPort.delete(flow.local.port);
    else {
      flowOfConnection.delete(flow.connection.id);
      link.closeHere(flow.connection);
    }
    if (entries.get(flow.key)?.flow === flow) entries.delete(flow.key);
  };
  const open = (
    key: string,
    target: Target,
    port: number,
    timeoutMs: Millis,
    done: (result: Opened) => void,
  ): void => {
    if (target.transport === 'udp') {
      later(0, () => done({ flow: register(target, key, port, null) }));
      return;
    }
    link.connect(port, target, timeoutMs, (result) =>
      inProcess(() => {
        if (result === 'refused') done({ code: 'connect.refused' });
        else if (result === 'timeout') done({ code: 'connect.timeout' });
        else if (result === 'untrusted') done({ code: 'tls.untrusted' });
        else done({ flow: register(target, key, port, result) });
      }),
    );
  };

  return {
    byId: (id: number): SimFlow | undefined => flows.get(id),
    byPort: (port: number): SimFlow | undefined => flowOfPort.get(port),
    byConnection: ({ id }: Connection): SimFlow | undefined => flowOfConnection.get(id),
    /** An open flow, the outcome of an attempt under way, or a new one. */
    acquire: (
      target: Target,
      wish: {
        readonly domain: string;
        /** RFC 5626: the flows of one account stay apart; null: it has one. */
        readonly regId: number | null;
        readonly preferredPort: number | null;
        readonly timeoutMs: Millis;
      },
      opened: (result: Opened) => void,
    ): void => {
      const key = `${target.transport} ${target.address} ${target.port} ${wish.domain} ${wish.regId}`;
      const known = entries.get(key);
      if (known !== undefined) {
        const { flow } = known;
        if (flow === null) known.waiting.push(opened);
        else later(0, () => opened(flow.isOpen ? { flow } : { code: 'connect.closed' }));
        return;
      }
      const entry: Entry = { waiting: [opened], flow: null };
      entries.set(key, entry);
      // The port of a TCP connection that was just closed is not to be had.
      open(
        key,
        target,
        portFor(target.transport === 'udp' ? wish.preferredPort : null),
        wish.timeoutMs,
        (result) => {
          if ('code' in result) entries.delete(key);
          else entry.flow = result.flow;
          for (const one of entry.waiting) one(result);
        },
      );
    },
    hold: (account: SimAccount, flow: SimFlow): void => {
      account.held = [...account.held, flow];
      flow.users.add(account);
    },
    letGo: (account: SimAccount, flow: SimFlow): void => {
      account.held = account.held.filter((one) => one !== flow);
      flow.users.delete(account);
      if (flow.users.size === 0) close(flow);
    },
    close,
    closeAll: (): void => {
      for (const flow of [...flows.values()]) close(flow);
    },
  };
}
