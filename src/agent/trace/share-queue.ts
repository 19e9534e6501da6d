// The accounts that have messages in the trace, in the order in which they were heard, and how much room they take together.

/** Whose messages are noted. It holds its share itself: with every message somebody would have to look for it. */
export type Traced = {
  /** null: they are no account's, or nobody knows whose. */
  readonly name: string | null;
  /** null: there are none. */
  share: Share | null;
};

/** The messages of one account, by their numbers; NONE without any. */
export type Share = {
  /** Whose they are: the same share is another's when all its messages are gone. */
  account: Traced;
  oldest: number;
  newest: number;
  count: number;
  blocks: number;
  /** Where it waits for its turn to give way, and between whom; null: it has no messages. */
  queue: ShareQueue | null;
  before: Share | null;
  after: Share | null;
};

export const NONE = -1;

/** A share without messages. */
export function emptyShare(account: Traced): Share {
  return {
    account,
    oldest: NONE,
    newest: NONE,
    count: 0,
    blocks: 0,
    queue: null,
    before: null,
    after: null,
  };
}

/** A linked list: every message moves its account to the end of one. */
export class ShareQueue {
  #first: Share | null = null;
  #last: Share | null = null;
  /** How many all its messages take. */
  blocks = 0;

  /** Who was heard longest ago. */
  get first(): Share | null {
    return this.#first;
  }

  /** In the order in which they were heard. */
  *shares(): Iterable<Share> {
    for (let share = this.#first; share !== null; share = share.after) yield share;
  }

  /** The share stands at the end of this queue now, and in no other. */
  take(share: Share): void {
    share.queue?.leave(share);
    share.queue = this;
    share.before = this.#last;
    if (this.#last === null) this.#first = share;
    else this.#last.after = share;
    this.#last = share;
    this.blocks += share.blocks;
  }

  leave(share: Share): void {
    const { before, after } = share;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    share.queue = null;
    share.before = null;
    share.after = null;
    this.blocks -= share.blocks;
  }
}
