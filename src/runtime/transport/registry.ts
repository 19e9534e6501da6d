// All open flows of the process, each shared by the accounts that may share it (behaviour.md 16): same transport,
// local and remote address, SIP domain, and TLS material and checks. Counted by their users; the last one closes.
// Fifty thousand accounts share one set of listeners, so nothing is allocated per account.

import { assert } from '../../core/assert.ts';
import { type Failure, failureOf } from '../../core/health/verdict.ts';
import { failure, type Result } from '../../core/result.ts';
import { isSecure } from '../../core/sip/transport.ts';
import type { KeyLog } from '../tls/key-log.ts';
import type { MaterialStore } from '../tls/material-store.ts';
import type { TlsSettings } from '../tls/settings.ts';
import type { Flow, FlowEvents, FlowRequest } from './flow.ts';
import { FLOW_LIMITS, type FlowLimits } from './limits.ts';
import { openTcpFlow } from './stream.ts';
import type { openTlsFlow, TlsSecurity } from './tls.ts';
import { openUdpFlow } from './udp.ts';
import type { openWebSocketFlow } from './websocket.ts';

export type FlowRegistry = {
  /** A flow for the request: an open one, the outcome of an attempt under way, or a new one. Each success needs one
   * `release`, unless the flow closes before. An open one without TLS comes at once. */
  readonly acquire: (request: FlowRequest, tls: TlsSettings) => Acquired | Promise<Acquired>;
  readonly release: (flow: Flow) => void;
  /** Closes a flow that is of no use any more, whoever uses it; `closed` is not called for it. */
  readonly discard: (flow: Flow, why: Failure) => void;
  /** Closes every flow, also those still being opened; `closed` is not called for them. */
  readonly closeAll: () => void;
  /** Whether a new flow with these settings would use other TLS material than this one does. */
  readonly isSuperseded: (flow: Flow, tls: TlsSettings) => boolean;
};

/** Where TLS material comes from, and where sessions' secrets go when somebody asked for them. */
export type TlsSource = Pick<MaterialStore, 'materialFor' | 'currentDigest'> & {
  readonly keyLog?: KeyLog | undefined;
  /** As TlsSecurity has it, for whoever explains a handshake. */
  readonly handshaken?: TlsSecurity['handshaken'];
};

export type FlowRegistryOptions = {
  readonly tls: TlsSource;
  readonly events: FlowEvents;
  readonly limits?: FlowLimits;
};

type Acquired = Result<Flow, Failure>;

type Entry = {
  readonly key: string;
  readonly attempt: Promise<Acquired>;
  /** Set when the attempt is over. */
  outcome: Acquired | null;
  /** Of the TLS material; null: it has none. */
  readonly digest: string | null;
  users: number;
  /** Set when the entry has left the registry. */
  end: Failure | null;
};

export function createFlowRegistry({
  tls: source,
  events,
  limits = FLOW_LIMITS,
}: FlowRegistryOptions): FlowRegistry {
  const entries = new Map<string, Entry>();
  const entryOfFlow = new Map<number, Entry>();
  /** Flows that were closed before anybody had them: the opener's promise is settled, but nobody has looked yet. */
  const closedEarly = new Map<number, Failure>();

  const drop = (entry: Entry, end: Failure): void => {
    entry.end = end;
    if (entries.get(entry.key) === entry) entries.delete(entry.key);
  };

  const sharedEvents: FlowEvents = {
    ...events,
    closed: (flow, verdict) => {
      const entry = entryOfFlow.get(flow.id);
      if (entry === undefined) {
        closedEarly.set(flow.id, verdict);
        return;
      }
      entryOfFlow.delete(flow.id);
      drop(entry, verdict);
      events.closed(flow, verdict);
    },
  };

  const admit = (entry: Entry, flow: Flow): void => {
    const early = closedEarly.get(flow.id);
    closedEarly.delete(flow.id);
    if (early !== undefined) drop(entry, early);
    else if (entry.end === null) entryOfFlow.set(flow.id, entry);
    else flow.close();
  };

  const start = (key: string, digest: string | null, open: () => Promise<Result<Flow, Failure>>): Entry => {
    const attempt = open().then((opened) => {
      if (opened.ok) admit(entry, opened.value);
      else drop(entry, opened.error);
      entry.outcome = entry.end === null ? opened : failure(entry.end);
      return entry.outcome;
    });
    const entry: Entry = { key, attempt, outcome: null, digest, users: 0, end: null };
    entries.set(key, entry);
    return entry;
  };

  const join = (entry: Entry): Acquired | Promise<Acquired> => {
    entry.users += 1;
    if (entry.outcome !== null && entry.end === null) return entry.outcome;
    // It may have closed between opening and then.
    return entry.attempt.then((outcome) => (entry.end === null ? outcome : failure(entry.end)));
  };

  const acquireWith = (request: FlowRequest, security: TlsSecurity | null): Acquired | Promise<Acquired> => {
    const digest = security?.material.digest ?? null;
    const key = keyOf(request, security === null ? '' : `${digest} ${checksOf(security.settings)}`);
    const open = (): Promise<Acquired> => openFlow(request, sharedEvents, security, limits);
    return join(entries.get(key) ?? start(key, digest, open));
  };

  const acquireSecure = async (request: FlowRequest, settings: TlsSettings): Promise<Acquired> => {
    const material = await source.materialFor(settings);
    if (!material.ok) return material;
    const { keyLog, handshaken } = source;
    return await acquireWith(request, { settings, material: material.value, keyLog, handshaken });
  };

  const acquire: FlowRegistry['acquire'] = (request, tls) =>
    isSecure(request.target.transport) ? acquireSecure(request, tls) : acquireWith(request, null);

  const release = (flow: Flow): void => {
    const entry = entryOfFlow.get(flow.id);
    if (entry === undefined) return;
    assert(entry.users > 0, 'a flow is released as often as it was acquired');
    entry.users -= 1;
    if (entry.users === 0) discard(flow, failureOf('connect.closed', 'nobody uses the flow any more'));
  };

  const discard = (flow: Flow, why: Failure): void => {
    const entry = entryOfFlow.get(flow.id);
    entryOfFlow.delete(flow.id);
    if (entry !== undefined) drop(entry, why);
    flow.close();
  };

  const closeAll = (): void => {
    for (const entry of [...entries.values()]) {
      drop(entry, failureOf('connect.closed', 'all flows are being closed'));
      void entry.attempt.then((opened) => {
        if (opened.ok) opened.value.close();
      });
    }
    entryOfFlow.clear();
  };

  const isSuperseded = (flow: Flow, tls: TlsSettings): boolean => {
    const digest = entryOfFlow.get(flow.id)?.digest ?? null;
    const current = digest === null ? null : source.currentDigest(tls);
    return current !== null && current !== digest;
  };

  return { acquire, release, discard, closeAll, isSuperseded };
}

function openFlow(
  request: FlowRequest,
  events: FlowEvents,
  security: TlsSecurity | null,
  limits: FlowLimits,
): Promise<Result<Flow, Failure>> {
  const { transport } = request.target;
  if (transport === 'udp') return openUdpFlow(request, events, limits);
  if (transport === 'tcp') return openTcpFlow(request, events, limits);
  if (transport !== 'tls') return openWebSocket(request, events, security, limits);
  assert(security !== null, 'TLS has its material');
  return openTls(request, events, security, limits);
}

/** node:tls costs milliseconds that only those who speak TLS should pay. */
async function openTls(...args: Parameters<typeof openTlsFlow>): ReturnType<typeof openTlsFlow> {
  const tls = await import('./tls.ts');
  return await tls.openTlsFlow(...args);
}

/** The same holds for ws, which brings node:http and node:tls. */
async function openWebSocket(
  ...args: Parameters<typeof openWebSocketFlow>
): ReturnType<typeof openWebSocketFlow> {
  const webSocket = await import('./websocket.ts');
  return await webSocket.openWebSocketFlow(...args);
}

function keyOf({ target, regId, local, domain }: FlowRequest, security: string): string {
  const from = local === null ? '*' : `${local.address} ${local.port}`;
  const place = `${target.transport} ${target.address} ${target.port} ${target.resource ?? ''}`;
  return `${place} ${from} ${domain.toLowerCase()} ${regId ?? '*'} ${security}`;
}

/** How the server is checked belongs to the key: a flow that was checked less must not serve who asks for more. */
function checksOf({ verify, pins, allowWildcard, serverName }: TlsSettings): string {
  return JSON.stringify([verify, [...pins].sort(), allowWildcard, serverName]);
}
