// The agent's HTTP server: metrics, probes, the API and the status page. It only reads; whoever asks is bounded in
// connections, in what they send and in time. Loaded only when `agent.http` is set.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isLoopbackHost, type ListenAddress } from '../../accounts/listen-address.ts';
import { tokenRule, wordsOf } from '../../accounts/value-rules.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { bracketed } from '../../core/sip/ip.ts';
import { messageOf } from '../../core/thrown.ts';
import type { AgentMetrics } from '../metrics.ts';
import { createEventStreams } from './event-stream.ts';
import { isOurHost, showsToken } from './gate.ts';
import { readPageFiles } from './page-files.ts';
import { type Exchange, refuse } from './reply.ts';
import { createRoutes } from './routes.ts';
import type { AgentView } from './view.ts';
import { watchVitals } from './vitals.ts';

export type HttpEndpointOptions = {
  readonly listen: ListenAddress;
  /** What clients have to show; null: nothing, which is for loopback addresses only. */
  readonly token: string | null;
  /** Further names that a Host header may have. */
  readonly hosts: readonly string[];
  readonly view: AgentView;
  readonly metrics: AgentMetrics;
  /** Told what went wrong with a request, or with taking clients in. */
  readonly notify: (text: string) => void;
};

export type HttpEndpoint = {
  /** With the port that it really has. */
  readonly url: string;
  /** Ends every client, and nobody is taken in any more. */
  readonly close: () => Promise<void>;
};

const MAX_CONNECTIONS = 256;
/** Who sends thousands at once gets the first of them, and the end. */
const REQUESTS_A_CONNECTION = 100;
const MAX_HEADER_BYTES = 8_192;
const REQUEST_WITHIN_MS = 10_000;
const IDLE_MS = 5_000;
/** Nothing comes or goes on a connection, because its client does not read; followers get a comment more often. */
const STUCK_MS = 40_000;

/** Listens; refused with words when the address cannot be had, or is open to others without a token. */
export async function createHttpEndpoint(
  options: HttpEndpointOptions,
): Promise<Result<HttpEndpoint, string>> {
  const { listen, token, view, metrics, notify } = options;
  const complaint = token === null ? null : tokenRule(token);
  if (complaint !== null) return failure(`agent.httpToken ${wordsOf(complaint)}`);
  if (token === null && !isLoopbackHost(listen.host)) {
    return failure(`agent.http is reached by other hosts at ${listen.host}: it needs agent.httpToken`);
  }
  const page = await readPageFiles();
  const vitals = watchVitals();
  const streams = createEventStreams(view);
  const routeOf = createRoutes({ view, metrics, vitals, streams, page });
  const server = createServer(SERVER_LIMITS, (request, response) => {
    serve({ request, response }, options, routeOf).catch((error: unknown) => {
      notify(`a request of the HTTP server failed: ${messageOf(error)}`);
      response.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = REQUESTS_A_CONNECTION;
  server.timeout = STUCK_MS;
  const close = async (): Promise<void> => {
    streams.close();
    vitals.stop();
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const refused = await listening(server, listen);
  if (refused !== null) {
    await close();
    return failure(`agent.http cannot listen at ${bracketed(listen.host)}:${listen.port}: ${refused}`);
  }
  server.on('error', (error) =>
    notify(`a client of the HTTP server could not be taken in: ${error.message}`),
  );
  const { port } = server.address() as AddressInfo;
  return success({ url: `http://${bracketed(listen.host)}:${port}/`, close });
}

const SERVER_LIMITS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: REQUEST_WITHIN_MS,
  requestTimeout: REQUEST_WITHIN_MS,
  keepAliveTimeout: IDLE_MS,
  connectionsCheckingInterval: 2_000,
};

async function serve(
  exchange: Exchange,
  { listen, token, hosts }: HttpEndpointOptions,
  routeOf: ReturnType<typeof createRoutes>,
): Promise<void> {
  const { request, response } = exchange;
  // A connection that breaks is a client that went away: `close` follows.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  if (!isOurHost(request.headers.host, listen, hosts)) {
    const text = 'this is no name of this server; further ones are set as agent.httpHosts';
    refuse(exchange, 421, 'wrong-host', text, LEAVE);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuse(exchange, 405, 'read-only', 'this server is for reading', { Allow: 'GET, HEAD', ...LEAVE });
    return;
  }
  if (hasBody(request)) {
    refuse(exchange, 413, 'no-body', 'a request has no body here', LEAVE);
    return;
  }
  const [path = '/', query = ''] = splitTarget(request);
  const route = routeOf(path);
  if (token !== null && route?.isPublic !== true && !showsToken(request.headers.authorization, token)) {
    const text = 'the token of agent.httpToken is needed: Authorization: Bearer …';
    refuse(exchange, 401, 'token-needed', text, { 'WWW-Authenticate': 'Bearer realm="sipreg"' });
    return;
  }
  if (route === undefined) refuse(exchange, 404, 'not-found', 'there is nothing here');
  else await route.serve(exchange, new URLSearchParams(query));
}

/** After it the connection ends: what else the client sends is not read. */
const LEAVE = { Connection: 'close' };

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

/** Path and query of the request's target. */
function splitTarget({ url = '/' }: IncomingMessage): readonly string[] {
  const at = url.indexOf('?');
  return at < 0 ? [url] : [url.slice(0, at), url.slice(at + 1)];
}

/** Why it cannot listen; null: it does. */
function listening(server: Server, { host, port }: ListenAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const refused = (error: NodeJS.ErrnoException): void =>
      resolve(REASONS[error.code ?? ''] ?? error.message);
    server.once('error', refused);
    server.listen(port, host, () => {
      server.off('error', refused);
      resolve(null);
    });
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this host has no such address',
  EACCES: 'this user may not use the port',
  ENOTFOUND: 'the name has no address',
};
