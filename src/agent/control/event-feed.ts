// The agent's events for any number of followers. Each event becomes text once; a follower that reads too slowly
// holds a bounded number of them and is told how many it missed, so it never holds the agent up.

import type { AgentEvent } from '../events.ts';
import type { AgentOperations } from '../operations.ts';

/** What a follower holds unread: more than a thousand accounts make in one go. */
const MAX_UNREAD_EVENTS = 2_000;
const MAX_UNREAD_CHARACTERS = 1024 * 1024;

export type FeedItem =
  | { readonly type: 'event'; readonly json: string }
  | { readonly type: 'lost'; readonly count: number };

export type Subscription = {
  /** The next event, once there is one; null when the follower or the feed has ended. */
  readonly next: () => Promise<FeedItem | null>;
  readonly end: () => void;
};

export type EventFeed = {
  readonly subscribe: (wants: (event: AgentEvent) => boolean) => Subscription;
  /** Ends every subscription. */
  readonly close: () => void;
};

type Follower = {
  readonly wants: (event: AgentEvent) => boolean;
  readonly push: (json: string) => void;
  readonly end: () => void;
};

/** `happened` is called for each event before anybody else hears of it; null: it is about no single account. */
export function createEventFeed(
  follow: AgentOperations['follow'],
  happened: (account: string | null) => void,
): EventFeed {
  const followers = new Set<Follower>();
  const unfollow = follow((event) => {
    happened('account' in event ? event.account : null);
    // SIP messages are for those who trace; they would drown everything else.
    if (event.type === 'message') return;
    let json: string | undefined;
    for (const follower of followers) {
      if (!follower.wants(event)) continue;
      json ??= JSON.stringify(event);
      follower.push(json);
    }
  });
  return {
    subscribe(wants) {
      const queue = createEventQueue();
      const follower: Follower = { wants, push: queue.push, end: queue.end };
      followers.add(follower);
      return {
        next: queue.next,
        end: () => {
          followers.delete(follower);
          queue.end();
        },
      };
    },
    close() {
      unfollow();
      for (const { end } of followers) end();
      followers.clear();
    },
  };
}

/** What one follower has not read yet, bounded. */
export function createEventQueue() {
  let unread: string[] = [];
  let characters = 0;
  let lost = 0;
  let hasEnded = false;
  let wake = (): void => {};
  const take = (): FeedItem | null => {
    const json = unread.shift();
    if (json !== undefined) {
      characters -= json.length;
      return { type: 'event', json };
    }
    if (lost === 0) return null;
    const count = lost;
    lost = 0;
    return { type: 'lost', count };
  };
  return {
    push(json: string): void {
      const isFull = unread.length >= MAX_UNREAD_EVENTS || characters + json.length > MAX_UNREAD_CHARACTERS;
      // Once one is missing the rest is too, up to the place where it is told.
      if (isFull || lost > 0) {
        lost += 1;
      } else {
        unread.push(json);
        characters += json.length;
      }
      wake();
    },
    end(): void {
      hasEnded = true;
      unread = [];
      lost = 0;
      wake();
    },
    async next(): Promise<FeedItem | null> {
      for (;;) {
        const item = take();
        if (item !== null || hasEnded) return item;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
