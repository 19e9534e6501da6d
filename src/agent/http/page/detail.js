// All that is known of one account: why it is as it is, its last 24 h, its facts, its events, its last messages.

import { rangeOf, rangeText, roundTripPlot, stateBar } from './charts.js';
import { html, setText } from './elements.js';
import { ladder } from './ladder.js';
import {
  addressText,
  clockText,
  conditionOf,
  countdownText,
  dateText,
  roundTripText,
  STATE_WORDS,
  spanText,
} from './words.js';

/** @import {AccountSnapshot} from '../../../core/health/snapshot.ts' */
/** @import {DetailDocument} from '../view.ts' */

/** The drawings end now: so often they are drawn again when nothing else has changed. */
const REDRAWN_MS = 60_000;

/** @param {HTMLElement} place */
export function createDetail(place) {
  const title = html('h2', { tabindex: '-1', id: 'detail-title' });
  const lead = html('p', { class: 'detail-lead' });
  const body = html('div', { class: 'detail-body' });
  const back = html('a', { class: 'back', href: '#/' }, '← All accounts');
  place.setAttribute('aria-labelledby', 'detail-title');
  place.replaceChildren(back, html('div', { class: 'detail-head' }, title, lead), body);
  /** What counts: changed every second. @type {(now: number) => void} */
  let tick = () => undefined;
  /** What is drawn, and when. */
  let drawn = { text: '', at: 0 };

  return {
    focus: () => title.focus(),
    /** @param {number} now */
    tick: (now) => tick(now),
    /** @param {string} name */
    begin(name) {
      setText(title, name);
      lead.replaceChildren();
      body.replaceChildren(html('p', { class: 'loading' }, 'Asking the agent…'));
      drawn = { text: '', at: 0 };
      tick = () => undefined;
    },
    /** @param {string} name */
    missing(name) {
      setText(title, name);
      lead.replaceChildren();
      body.replaceChildren(html('p', { class: 'card empty' }, 'The agent has no account of this name.'));
      drawn = { text: '', at: 0 };
      tick = () => undefined;
    },
    /**
     * @param {DetailDocument} account
     * @param {number} now
     */
    show(account, now) {
      const text = JSON.stringify([drawingWidth(body), { ...account, uptime: null }]);
      // What somebody is reading or marking stays as it is while there is nothing new.
      if (text === drawn.text && now - drawn.at < REDRAWN_MS) return;
      drawn = { text, at: now };
      const opened = openedIn(body);
      const focused = focusedIn(body);
      setText(title, account.account);
      const head = leadOf(account);
      lead.replaceChildren(...head.parts);
      const facts = factsOf(account, now);
      const failure = failureOf(account, now);
      body.replaceChildren(
        ...(failure === null ? [] : [failure.element]),
        ...historyCards(account, now, drawingWidth(body)),
        card('Now', facts.element),
        card('Last events', eventsOf(account, now)),
        card('Last exchange', ladder(account.exchange ?? [], now), 'wide'),
      );
      reopen(body, opened, focused);
      tick = (at) => {
        head.tick(at);
        facts.tick(at);
        failure?.tick(at);
      };
    },
  };
}

/**
 * @param {string} heading
 * @param {Node} content
 * @param {string} [size]
 */
function card(heading, content, size = '') {
  return html('section', { class: `card ${size}` }, html('h3', {}, heading), content);
}

/** @param {AccountSnapshot} account */
function leadOf(account) {
  const since = html('span');
  const pill = html(
    'span',
    { class: 'pill', 'data-state': account.state, 'data-condition': conditionOf(account) },
    html('span', { class: 'sign', 'aria-hidden': 'true' }),
    STATE_WORDS[account.state],
  );
  /** @param {number} now */
  const tick = (now) => setText(since, `for ${spanText(now - Date.parse(account.since))}`);
  const route = html('span', { class: 'route number' }, `${account.aor} → ${account.registrar}`);
  return { parts: [pill, since, route], tick };
}

/**
 * @param {AccountSnapshot} account
 * @param {number} now
 */
function failureOf({ failure, nextAttempt, state }, now) {
  if (failure === null) return null;
  const next = html('b');
  const answer = failure.status === null ? '' : ` · ${failure.status} ${failure.reason ?? ''}`;
  const element = html(
    'section',
    { class: 'card wide callout', 'aria-label': 'What is wrong' },
    html('h3', {}, failure.cause),
    html('p', {}, `What to do: ${failure.advice}.`),
    html(
      'p',
      { class: 'second' },
      html('code', {}, failure.code),
      `${answer} · ${clockText(failure.at, now)} · `,
      next,
    ),
  );
  return {
    element,
    /** @param {number} at */
    tick: (at) => {
      const isTrying = state === 'registering' || state === 'refreshing';
      const left = isTrying ? 0 : nextAttempt === null ? null : Date.parse(nextAttempt) - at;
      const words =
        left === null
          ? 'not tried again by itself'
          : left > 0
            ? `tried again in ${countdownText(left)}`
            : 'tried again now';
      setText(next, words);
    },
  };
}

/**
 * What a drawing in a card has, pixels.
 * @param {HTMLElement} body
 */
function drawingWidth(body) {
  return Math.max(260, body.clientWidth - 42);
}

/**
 * @param {DetailDocument} account
 * @param {number} now
 * @param {number} width
 */
function historyCards({ history, uptime }, now, width) {
  if (history === null || history.bar.length === 0) return [];
  const range = rangeOf(history, now);
  const [day, week] = [uptime?.day.ratio ?? null, uptime?.week.ratio ?? null];
  const span = rangeText(range);
  const heading = day === null ? `The last ${span}` : `Registered ${percent(day)} of the last ${span}`;
  const bar = stateBar(history.bar, range, width);
  if (week !== null)
    bar.append(
      html('p', { class: 'second' }, `Of the last 7 days, as far as they are known: ${percent(week)}`),
    );
  return [
    card(heading, bar, 'wide'),
    card('Round trips', roundTripPlot(history.roundTrips, range, width), 'wide'),
  ];
}

/** 0.99951 is 99.95 %, and only what was never down is 100 %. @param {number} share */
function percent(share) {
  return share === 1 ? '100 %' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/**
 * @param {AccountSnapshot} account
 * @param {number} now
 */
function factsOf(account, now) {
  const { expires, target, local, tls, auth, rtt, bindings, flows, callId, cseq, requests } = account;
  const left = html('span');
  const next = html('span');
  /** @type {readonly (readonly [string, Node | string | null])[]} */
  const rows = [
    ['Expires', expires === null ? null : left],
    ['Next attempt', account.nextAttempt === null ? null : next],
    [
      'Round trip',
      rtt === null ? null : `${roundTripText(rtt)}, ${requests} ${requests === 1 ? 'request' : 'requests'}`,
    ],
    ['Target', target === null ? null : `${target.host}, ${target.transport} ${addressText(target)}`],
    ['Local address', local === null ? null : addressText(local)],
    ['Public address', account.public === null ? null : addressText(account.public)],
    ['Bindings', bindings.length === 0 ? null : bindingList(bindings)],
    ['Flows', flows.length < 2 ? null : flowList(flows)],
    [
      'Digest',
      auth === null
        ? null
        : `${auth.algorithm}, realm ${auth.realm}${auth.qop === null ? '' : `, qop ${auth.qop}`}`,
    ],
    ['TLS', tls === null ? null : `${tls.protocol}, ${tls.cipher}`],
    ['Certificate', tls === null ? null : `${certificateText(tls.peer, now)}, by ${tls.peer.issuer}`],
    ['Our certificate', tls?.own ? certificateText(tls.own, now) : null],
    ['TLS files', tls === null ? null : materialText(tls.material)],
    ['Service-Route', account.serviceRoute.length === 0 ? null : account.serviceRoute.join(', ')],
    ['Call-ID', callId === '' ? null : `${callId}, CSeq ${cseq}`],
  ];
  const element = html(
    'dl',
    { class: 'facts' },
    ...rows.flatMap(([name, value]) =>
      value === null ? [] : [html('div', {}, html('dt', {}, name), html('dd', {}, value))],
    ),
  );
  return {
    element,
    /** @param {number} at */
    tick: (at) => {
      if (expires !== null)
        setText(
          left,
          `in ${countdownText(Date.parse(expires.at) - at)} (${spanText(expires.granted * 1000)} granted, ${spanText(expires.requested * 1000)} asked)`,
        );
      if (account.nextAttempt !== null) {
        const due = Date.parse(account.nextAttempt) - at;
        setText(next, due > 0 ? `in ${countdownText(due)}` : 'now');
      }
    },
  };
}

/** @param {AccountSnapshot['bindings']} bindings */
function bindingList(bindings) {
  return html(
    'ul',
    { class: 'plain' },
    ...bindings.map(({ uri, expires, own }) =>
      html(
        'li',
        {},
        html('span', { class: 'number' }, uri),
        html(
          'span',
          { class: 'second' },
          `${own ? 'ours' : "somebody else's"}${expires === null ? '' : `, ${spanText(expires * 1000)}`}`,
        ),
      ),
    ),
  );
}

/** @param {AccountSnapshot['flows']} flows */
function flowList(flows) {
  return html(
    'ul',
    { class: 'plain' },
    ...flows.map(({ regId, proxy, state, failure }) =>
      html(
        'li',
        {},
        html('span', {}, `${regId}: ${STATE_WORDS[state]}${proxy === null ? '' : ` by ${proxy}`}`),
        html('span', { class: 'second' }, failure === null ? '' : failure.cause),
      ),
    ),
  );
}

/**
 * @param {{ readonly subject: string, readonly validTo: string }} certificate
 * @param {number} now
 */
function certificateText({ subject, validTo }, now) {
  const left = Date.parse(validTo) - now;
  const words = left > 0 ? `${spanText(left)} left` : `expired ${spanText(-left)} ago`;
  return `${subject}, valid to ${dateText(new Date(validTo))} (${words})`;
}

/** @param {NonNullable<AccountSnapshot['tls']>['material']} material */
function materialText({ state, cause }) {
  if (state === 'current') return null;
  return state === 'renewed' ? 'renewed; the next connection uses them' : (cause ?? 'invalid');
}

/**
 * @param {DetailDocument} account
 * @param {number} now
 */
function eventsOf({ events }, now) {
  if (events.length === 0) return html('p', { class: 'none' }, 'Nothing has happened yet.');
  return html(
    'ol',
    { class: 'events', reversed: true },
    ...events
      .toReversed()
      .map(({ time, severity, text }) =>
        html(
          'li',
          { 'data-severity': severity },
          html('time', { datetime: time, class: 'number' }, clockText(time, now)),
          html('span', {}, text),
        ),
      ),
  );
}

/**
 * The times of the messages that are open.
 * @param {HTMLElement} body
 * @returns {ReadonlySet<string>}
 */
function openedIn(body) {
  return new Set([...body.querySelectorAll('details')].filter(({ open }) => open).map(timeOf));
}

/**
 * The message that has the focus, and which part of it; null: it is elsewhere.
 * @param {HTMLElement} body
 */
function focusedIn(body) {
  const { activeElement } = document;
  const details = activeElement?.closest('details');
  if (!activeElement || !details || !body.contains(details)) return null;
  return { time: timeOf(details), part: activeElement.localName };
}

/**
 * Messages that were open are so again, and the focus is where it was.
 * @param {HTMLElement} body
 * @param {ReadonlySet<string>} opened
 * @param {ReturnType<typeof focusedIn>} focused
 */
function reopen(body, opened, focused) {
  for (const details of body.querySelectorAll('details')) {
    const time = timeOf(details);
    details.open = opened.has(time);
    const part = time === focused?.time ? details.querySelector(focused.part) : null;
    if (part instanceof HTMLElement) part.focus({ preventScroll: true });
  }
}

/** @param {HTMLElement} details */
function timeOf(details) {
  return details.querySelector('.time')?.textContent ?? '';
}
