// One account as a row of the table; on a narrow screen the same cells are a card.

import { html, setText } from './elements.js';
import {
  addressText,
  certificateEnd,
  conditionOf,
  countdownText,
  dateText,
  roundTripText,
  STATE_WORDS,
  spanText,
} from './words.js';

/** @import {AccountSnapshot} from '../../../core/health/snapshot.ts' */

const DAY_MS = 86_400_000;
const NOTHING = '–';

/** @param {string} name */
export function createRow(name) {
  const cells = build(name);
  /** @type {AccountSnapshot | undefined} */
  let account;
  /** @param {number} now */
  const tick = (now) => {
    if (account === undefined) return;
    setText(cells.since, sinceText(account, now));
    setText(
      cells.expires,
      account.expires === null ? NOTHING : countdownText(Date.parse(account.expires.at) - now),
    );
    drawMeter(cells.left, account, now);
    setText(cells.next, account.nextAttempt === null ? NOTHING : dueText(account.nextAttempt, now));
  };
  return {
    element: cells.element,
    tick,
    /**
     * @param {AccountSnapshot} shown
     * @param {number} now
     */
    show(shown, now) {
      account = shown;
      const { aor, state, failure, target, tls, rtt, public: seen } = shown;
      cells.element.dataset.condition = conditionOf(shown);
      cells.pill.dataset.state = state;
      cells.pill.dataset.condition = conditionOf(shown);
      if (cells.aor.textContent !== aor) cells.aor.replaceChildren(...brokenAfterUser(aor));
      cells.aor.title = aor;
      setText(cells.state, STATE_WORDS[state]);
      setText(cells.rtt, rtt === null ? NOTHING : roundTripText(rtt));
      setText(cells.cause, failure === null ? NOTHING : failure.cause);
      setText(cells.code, failure === null ? '' : failure.code);
      setText(cells.host, target === null ? NOTHING : target.host);
      setText(cells.address, target === null ? '' : `${target.transport} ${addressText(target)}`);
      setText(cells.public, seen === null ? NOTHING : addressText(seen));
      drawCertificate(cells.certificate, tls, now);
      for (const [cell, isEmpty] of cells.hideable(shown)) cell.classList.toggle('nothing', isEmpty);
      tick(now);
    },
  };
}

/** @param {string} name */
function build(name) {
  const link = html('a', { href: `#/account/${encodeURIComponent(name)}` }, name);
  const texts = {
    aor: html('span', { class: 'second' }),
    state: html('span'),
    since: html('span', { class: 'second' }),
    expires: html('span', { class: 'number' }),
    left: html('span', { class: 'meter', 'aria-hidden': 'true' }, html('span')),
    next: html('span', { class: 'number' }),
    rtt: html('span', { class: 'number' }),
    cause: html('span', { class: 'cause' }),
    code: html('span', { class: 'second code' }),
    host: html('span'),
    address: html('span', { class: 'second number' }),
    public: html('span', { class: 'number' }),
    certificate: html('span', { class: 'certificate' }),
  };
  const pill = html(
    'span',
    { class: 'pill' },
    html('span', { class: 'sign', 'aria-hidden': 'true' }),
    texts.state,
  );
  /** @type {(column: string, title: string, ...children: Node[]) => HTMLTableCellElement} */
  const cell = (column, title, ...children) =>
    html('td', { role: 'cell', 'data-column': column, 'data-title': title }, ...children);
  const expires = cell('expires', 'Expires in', texts.expires, texts.left);
  const next = cell('next', 'Next attempt', texts.next);
  const rtt = cell('rtt', 'Round trip', texts.rtt);
  const failure = cell('failure', 'Last failure', texts.cause, texts.code);
  const target = cell('target', 'Target', texts.host, texts.address);
  const seen = cell('public', 'Public address', texts.public);
  const certificate = cell('certificate', 'Certificate', texts.certificate);
  const element = html(
    'tr',
    { role: 'row', 'data-account': name },
    html('th', { scope: 'row', role: 'rowheader', 'data-column': 'account' }, link, texts.aor),
    cell('state', 'State', pill, texts.since),
    ...[expires, next, rtt, failure, target, seen, certificate],
  );
  /**
   * What a card leaves out.
   * @type {(account: AccountSnapshot) => readonly (readonly [HTMLElement, boolean])[]}
   */
  const hideable = (account) => [
    [expires, account.expires === null],
    [next, account.nextAttempt === null],
    [rtt, account.rtt === null],
    [failure, account.failure === null],
    [target, account.target === null],
    [seen, account.public === null],
    [certificate, account.tls === null],
  ];
  return { ...texts, pill, element, hideable };
}

/**
 * @param {AccountSnapshot} account
 * @param {number} now
 */
function sinceText({ since }, now) {
  return `for ${spanText(now - Date.parse(since))}`;
}

/**
 * @param {string} at
 * @param {number} now
 */
function dueText(at, now) {
  const left = Date.parse(at) - now;
  return left <= 0 ? 'now' : `in ${countdownText(left)}`;
}

/**
 * An address of record, which may go on in the next line after its "@".
 * @param {string} aor
 */
function brokenAfterUser(aor) {
  const at = aor.indexOf('@') + 1;
  return at === 0 ? [aor] : [aor.slice(0, at), html('wbr'), aor.slice(at)];
}

/**
 * How much of the granted time is left, as a line.
 * @param {HTMLElement} meter
 * @param {AccountSnapshot} account
 * @param {number} now
 */
function drawMeter(meter, { expires }, now) {
  meter.hidden = expires === null;
  const line = meter.firstElementChild;
  if (expires === null || !(line instanceof HTMLElement)) return;
  const share = (Date.parse(expires.at) - now) / 1000 / Math.max(1, expires.granted);
  line.style.inlineSize = `${Math.round(100 * Math.max(0, Math.min(1, share)))}%`;
}

/**
 * The certificate that ends first: theirs or our own.
 * @param {HTMLElement} place
 * @param {AccountSnapshot['tls']} tls
 * @param {number} now
 */
function drawCertificate(place, tls, now) {
  const end = certificateEnd(tls);
  if (tls === null || end === undefined) {
    setText(place, NOTHING);
    place.title = '';
    return;
  }
  const days = Math.floor((end - now) / DAY_MS);
  setText(place, days < 0 ? 'expired' : days === 1 ? '1 day' : `${days} days`);
  const whose = end === Date.parse(tls.peer.validTo) ? "the server's" : 'our own';
  place.title = `${whose} is valid to ${dateText(new Date(end))}`;
  place.dataset.level = tls.expiry;
}
