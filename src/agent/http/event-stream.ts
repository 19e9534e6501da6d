// Server-sent events (WHATWG HTML §9.2): a greeting with the agent as it is, then each event as it happens. A client that
// reads too slowly is told how many events it missed; one that does not read at all is left. Comments keep proxies awake.

import { createEventFeed } from '../control/event-feed.ts';
import type { AgentEvent } from '../events.ts';
import { begin, type Exchange, READ_MS, refuse, written } from './reply.ts';
import type { AgentView } from './view.ts';

/** Clients that follow at a time; each holds a connection for as long as it likes. */
export const MAX_FOLLOWERS = 32;
const COMMENT_EVERY_MS = 15_000;
/** How long a browser waits before it asks again. */
const RETRY_MS = 3_000;

export type EventStreams = {
  /** Sends events until the client goes; only those of `account` and of the agent, null: all. */
  readonly serve: (exchange: Exchange, account: string | null) => Promise<void>;
  readonly close: () => void;
};

export function createEventStreams(view: AgentView): EventStreams {
  const feed = createEventFeed(view.follow, () => undefined);
  const followers = new Set<Exchange['response']>();
  const comments = setInterval(() => {
    for (const response of followers) {
      // Who has not taken the last piece gets no more: it may be about to be left.
      if (!response.writableNeedDrain) response.write(': all is quiet\n\n');
    }
  }, COMMENT_EVERY_MS).unref();
  return {
    serve: async (exchange, account) => {
      const { request, response } = exchange;
      if (followers.size >= MAX_FOLLOWERS) {
        const text = `${MAX_FOLLOWERS} clients follow already`;
        refuse(exchange, 503, 'busy', text, { 'Retry-After': '30' });
        return;
      }
      begin(exchange, 200, 'text/event-stream; charset=utf-8', { 'X-Accel-Buffering': 'no' });
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      // Before the greeting: what happens meanwhile must not fall between the two.
      const events = feed.subscribe((event) => account === null || isAbout(event, account));
      followers.add(response);
      response.once('close', () => {
        followers.delete(response);
        events.end();
      });
      const greeting = JSON.stringify({ time: new Date().toISOString(), agent: view.agent() });
      let isThere = await written(
        response,
        `retry: ${RETRY_MS}\nevent: hello\ndata: ${greeting}\n\n`,
        READ_MS,
      );
      while (isThere) {
        const item = await events.next();
        if (item === null) break;
        const text =
          item.type === 'event'
            ? `data: ${item.json}\n\n`
            : `event: lost\ndata: ${JSON.stringify({ count: item.count })}\n\n`;
        isThere = await written(response, text, READ_MS);
      }
      response.end();
    },
    close: () => {
      clearInterval(comments);
      feed.close();
    },
  };
}

function isAbout(event: AgentEvent, account: string): boolean {
  return !('account' in event) || event.account === null || event.account === account;
}
