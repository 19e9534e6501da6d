// The accounts as the page knows them: loaded as a whole, kept current by events, filtered and put in order.

import { certificateEnd, conditionOf, isDoubtful, STATE_WORDS } from './words.js';

/** @import {AccountSnapshot} from '../../../core/health/snapshot.ts' */
/** @import {AgentEvent} from '../../events.ts' */
/** @import {Condition} from './words.js' */

/**
 * @typedef {object} Choice What of the accounts is shown, and how.
 * @property {string} text
 * @property {Condition | 'all'} condition
 * @property {string} order A key of ORDERS.
 * @property {boolean} isDescending
 */

/** What needs somebody comes first. @type {Readonly<Record<Condition, number>>} */
const URGENCY = { down: 0, trying: 1, up: 2, resting: 3 };

/**
 * What the accounts can be put in order by: a number or a text of each; undefined comes last.
 * @type {Readonly<Record<string, (account: AccountSnapshot) => number | string | undefined>>}
 */
export const ORDERS = {
  attention: (account) =>
    URGENCY[conditionOf(account)] * 2 + (account.state === 'blocked' || isDoubtful(account) ? 0 : 1),
  account: ({ account }) => account.toLowerCase(),
  state: ({ state }) => STATE_WORDS[state],
  expires: ({ expires }) => (expires === null ? undefined : Date.parse(expires.at)),
  next: ({ nextAttempt }) => (nextAttempt === null ? undefined : Date.parse(nextAttempt)),
  rtt: ({ rtt }) => rtt ?? undefined,
  failure: ({ failure }) => failure?.code,
  target: ({ target }) => (target === null ? undefined : `${target.host} ${target.address}`),
  public: (account) => account.public?.address,
  certificate: ({ tls }) => certificateEnd(tls),
};

export function createAccounts() {
  /** @type {Map<string, AccountSnapshot>} */
  let accounts = new Map();
  return {
    /** @param {readonly AccountSnapshot[]} all */
    replace(all) {
      accounts = new Map(all.map((one) => [one.account, one]));
    },
    /**
     * What an event changes; false: nothing here.
     * @param {AgentEvent} event
     */
    apply(event) {
      if (event.type === 'state') {
        accounts.set(event.account, event.snapshot);
        return true;
      }
      const known = event.type === 'failure' ? accounts.get(event.account) : undefined;
      if (event.type !== 'failure' || known === undefined) return false;
      const { state, failure, nextAttempt } = event;
      accounts.set(event.account, { ...known, state, failure, nextAttempt });
      return true;
    },
    /** @param {string} name */
    get: (name) => accounts.get(name),
    /** How many are in each condition, and in all. */
    count() {
      const counts = { all: accounts.size, up: 0, down: 0, trying: 0, resting: 0, disabled: 0, doubtful: 0 };
      for (const account of accounts.values()) {
        counts[conditionOf(account)] += 1;
        if (isDoubtful(account)) counts.doubtful += 1;
        if (account.state === 'disabled') counts.disabled += 1;
      }
      return { ...counts, enabled: counts.all - counts.disabled };
    },
    /**
     * The accounts that are chosen, in order.
     * @param {Choice} choice
     */
    choose({ text, condition, order, isDescending }) {
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = [...accounts.values()].filter(
        (account) =>
          (condition === 'all' || conditionOf(account) === condition) &&
          words.every((word) => searchText(account).includes(word)),
      );
      const keyOf = ORDERS[order] ?? (() => undefined);
      const keyed = chosen.map((account) => ({ account, value: keyOf(account) }));
      const sign = isDescending ? -1 : 1;
      keyed.sort((a, b) => compare(a.value, b.value, sign));
      return keyed.map(({ account }) => account);
    },
  };
}

/** @param {AccountSnapshot} account */
function searchText({ account, aor, registrar, state, target, failure, public: seen }) {
  const facts = [account, aor, registrar, state, STATE_WORDS[state], target?.host, target?.address];
  return [...facts, failure?.code, failure?.cause, seen?.address].join(' ').toLowerCase();
}

/**
 * What has no value stays last in both directions.
 * @param {number | string | undefined} a
 * @param {number | string | undefined} b
 * @param {number} sign
 */
function compare(a, b, sign) {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -sign : sign;
}
