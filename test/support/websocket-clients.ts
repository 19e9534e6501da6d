// A client for tests of WebSocket flows: flows with chosen settings, and the verdicts of those that do not open.
// Everything it opens, and every server it is given, ends with `stop`.

import type { WebSocket } from 'ws';
import type { Failure } from '../../src/core/health/verdict.ts';
import type { Result } from '../../src/core/result.ts';
import type { Flow } from '../../src/runtime/transport/flow.ts';
import { FLOW_LIMITS, type FlowLimits } from '../../src/runtime/transport/limits.ts';
import type { TlsSecurity } from '../../src/runtime/transport/tls.ts';
import { openWebSocketFlow } from '../../src/runtime/transport/websocket.ts';
import { type Recorder, recordFlows, requestTo, until } from './flows.ts';
import type { TestServer } from './tls-servers.ts';
import {
  startWebSocketServer,
  type WebSocketServerOptions,
  type WebSocketTestServer,
} from './websocket-servers.ts';

export type WebSocketClient = {
  readonly resource?: string;
  readonly domain?: string;
  /** Makes it wss. */
  readonly security?: TlsSecurity | null;
  readonly limits?: Partial<FlowLimits>;
  readonly recorder?: Recorder;
};

/** A server, a flow to it, what the flow told, and the server's end of it. */
export type WebSocketScene = {
  readonly server: WebSocketTestServer;
  readonly recorder: Recorder;
  readonly flow: Flow;
  readonly peer: WebSocket;
};

export type WebSocketClients = {
  /** Adds a server to what `stop` ends. */
  readonly running: <Server extends TestServer>(starting: Promise<Server>) => Promise<Server>;
  readonly connected: (options?: WebSocketServerOptions, client?: WebSocketClient) => Promise<WebSocketScene>;
  /** The verdict of a flow that does not open. */
  readonly refusal: (port: number, client?: WebSocketClient) => Promise<Failure>;
  readonly stop: () => Promise<void>;
};

export function makeWebSocketClients(): WebSocketClients {
  const servers: TestServer[] = [];
  const open: Flow[] = [];

  async function running<Server extends TestServer>(starting: Promise<Server>): Promise<Server> {
    const server = await starting;
    servers.push(server);
    return server;
  }

  async function stop(): Promise<void> {
    for (const flow of open.splice(0)) flow.close();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  }

  async function attempt(port: number, client: WebSocketClient): Promise<Result<Flow, Failure>> {
    const { resource, domain = 'example.com', security = null, limits = {} } = client;
    const request = requestTo(port, { domain, transport: security === null ? 'ws' : 'wss' });
    const target = resource === undefined ? request.target : { ...request.target, resource };
    const { events } = client.recorder ?? recordFlows();
    const allLimits = { ...FLOW_LIMITS, ...limits };
    const opened = await openWebSocketFlow({ ...request, target }, events, security, allLimits);
    if (opened.ok) open.push(opened.value);
    return opened;
  }

  async function refusal(port: number, client: WebSocketClient = {}): Promise<Failure> {
    const opened = await attempt(port, client);
    if (opened.ok) throw new Error('the flow is open');
    return opened.error;
  }

  async function connected(
    options: WebSocketServerOptions = {},
    client: WebSocketClient = {},
  ): Promise<WebSocketScene> {
    const server = await running(startWebSocketServer(options));
    const recorder = recordFlows();
    const opened = await attempt(server.port, { recorder, ...client });
    if (!opened.ok) throw new Error(`${opened.error.code}: ${opened.error.cause}`);
    await until(() => server.sockets.length === 1);
    const [peer] = server.sockets;
    if (peer === undefined) throw new Error('no connection');
    return { server, recorder, flow: opened.value, peer };
  }

  return { running, connected, refusal, stop };
}
