// What is where on the HTTP server. Everything is read-only; what knows something of accounts needs the token.

import type { AgentMetrics } from '../metrics.ts';
import type { EventStreams } from './event-stream.ts';
import { CONTENT_TYPES, expositionFor, PIECE_LENGTH } from './exposition.ts';
import { createReadiness, healthOf } from './health.ts';
import { lastExchange } from './last-exchange.ts';
import { metricsText } from './metrics-text.ts';
import { type PageFile, START_FILE } from './page-files.ts';
import { type Exchange, JSON_TYPE, PLAIN_TYPE, refuse, reply, replyInPieces, replyJson } from './reply.ts';
import type { AgentView, DetailDocument } from './view.ts';
import type { Vitals } from './vitals.ts';

export type Sources = {
  readonly view: AgentView;
  readonly metrics: AgentMetrics;
  readonly vitals: Vitals;
  readonly streams: EventStreams;
  readonly page: ReadonlyMap<string, PageFile>;
};

export type Route = {
  /** Anybody may ask: it says nothing of any account. */
  readonly isPublic: boolean;
  readonly serve: (exchange: Exchange, query: URLSearchParams) => unknown;
};

/** The clockwork beats once a second; so late, it does not beat any more. */
const STALLED_MS = 10_000;
/** Answers about all accounts under way at a time: each looks at every account. */
const MAX_LONG_ANSWERS = 8;

/** The route of a path; undefined: there is nothing. */
export function createRoutes(sources: Sources): (path: string) => Route | undefined {
  const { view, page } = sources;
  const fixed = fixedRoutes(sources);
  return (path) => {
    const known = fixed.get(path);
    if (known !== undefined) return known;
    const file = path.startsWith('/page/') ? page.get(path.slice('/page/'.length)) : undefined;
    if (file !== undefined) return fileRoute(file);
    const name = accountNameIn(path);
    return name === null ? undefined : { isPublic: false, serve: (exchange) => detail(exchange, view, name) };
  };
}

function fixedRoutes({ view, metrics, vitals, streams, page }: Sources): ReadonlyMap<string, Route> {
  const whatIsMissing = createReadiness(view);
  const inPieces = createLongAnswers();
  const start = page.get(START_FILE);
  const routes: Readonly<Record<string, Route>> = {
    '/livez': {
      isPublic: true,
      serve: (exchange) => {
        const overdue = vitals.overdueMs();
        probe(exchange, overdue < STALLED_MS ? null : `nothing was done for ${Math.round(overdue / 1000)} s`);
      },
    },
    '/readyz': { isPublic: true, serve: (exchange) => probe(exchange, whatIsMissing()) },
    '/healthz': { isPublic: false, serve: (exchange, query) => health(exchange, view, query.get('account')) },
    '/metrics': {
      isPublic: false,
      serve: (exchange) => {
        const format = expositionFor(exchange.request.headers.accept);
        return inPieces(exchange, CONTENT_TYPES[format], () =>
          metricsText(view, metrics, vitals.takeLag(), format),
        );
      },
    },
    '/api/v1/agent': { isPublic: false, serve: (exchange) => replyJson(exchange, 200, view.agent()) },
    '/api/v1/accounts': {
      isPublic: false,
      serve: (exchange) => inPieces(exchange, JSON_TYPE, () => accountsText(view)),
    },
    '/api/v1/events': {
      isPublic: false,
      serve: (exchange, query) => streams.serve(exchange, query.get('account')),
    },
  };
  return new Map([
    ...Object.entries(routes),
    ...(start === undefined ? [] : [['/', fileRoute(start)] as const]),
  ]);
}

function fileRoute({ type, content }: PageFile): Route {
  return { isPublic: true, serve: (exchange) => reply(exchange, 200, type, content) };
}

function probe(exchange: Exchange, complaint: string | null): void {
  if (complaint === null) reply(exchange, 200, PLAIN_TYPE, 'ok\n');
  else reply(exchange, 503, PLAIN_TYPE, `${complaint}\n`);
}

function health(exchange: Exchange, view: AgentView, name: string | null): void {
  const document = healthOf(view, name);
  if (document === null) refuseUnknown(exchange);
  else replyJson(exchange, document.status === 'ok' ? 200 : 503, document);
}

function detail(exchange: Exchange, view: AgentView, name: string): void {
  const account = view.detail(name);
  if (account === undefined) {
    refuseUnknown(exchange);
    return;
  }
  const document: DetailDocument = {
    ...account,
    history: view.history(name),
    exchange: lastExchange(view.exchange(name)),
  };
  replyJson(exchange, 200, document);
}

function refuseUnknown(exchange: Exchange): void {
  refuse(exchange, 404, 'unknown-account', 'the agent has no account of this name');
}

/** As `sipreg status --json`, an account at a time. */
async function* accountsText(view: AgentView): AsyncGenerator<string> {
  let text = `{"schema":"sipreg.accounts/1","agent":${JSON.stringify(view.agent())},"accounts":[`;
  let separator = '';
  for (const name of view.names()) {
    const snapshot = view.snapshot(name);
    if (snapshot === undefined) continue;
    text += separator + JSON.stringify(snapshot);
    separator = ',';
    if (text.length < PIECE_LENGTH) continue;
    yield text;
    text = '';
  }
  yield `${text}]}\n`;
}

type LongAnswer = (exchange: Exchange, type: string, make: () => AsyncIterable<string>) => Promise<void>;

function createLongAnswers(): LongAnswer {
  let underWay = 0;
  return async (exchange, type, make) => {
    if (underWay >= MAX_LONG_ANSWERS) {
      const text = `${MAX_LONG_ANSWERS} such answers are under way already`;
      refuse(exchange, 503, 'busy', text, { 'Retry-After': '5' });
      return;
    }
    underWay += 1;
    try {
      await replyInPieces(exchange, type, make());
    } finally {
      underWay -= 1;
    }
  };
}

/** The name in "/api/v1/accounts/NAME"; null: the path is no such one. */
function accountNameIn(path: string): string | null {
  const [, name] = /^\/api\/v1\/accounts\/([^/]+)$/.exec(path) ?? [];
  if (name === undefined) return null;
  try {
    return decodeURIComponent(name);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
