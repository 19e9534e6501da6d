// The table of all accounts: filter, order, pages of fifty. Rows are kept and changed in place, so that ten thousand
// accounts cost what fifty do and the focus stays where it is.

import { html, setText } from './elements.js';
import { createRow } from './row.js';
import { CONDITION_WORDS, countText } from './words.js';

/** @import {AccountSnapshot} from '../../../core/health/snapshot.ts' */
/** @import {Choice} from './accounts.js' */
/** @import {Condition} from './words.js' */

const PAGE_ROWS = 50;

/** @type {readonly (readonly [order: string, title: string])[]} */
export const COLUMNS = [
  ['account', 'Account'],
  ['state', 'State'],
  ['expires', 'Expires in'],
  ['next', 'Next attempt'],
  ['rtt', 'Round trip'],
  ['failure', 'Last failure'],
  ['target', 'Target'],
  ['public', 'Public address'],
  ['certificate', 'Certificate'],
];

/** @type {readonly (Condition | 'all')[]} */
const FILTERS = ['all', 'down', 'trying', 'up', 'resting'];

/**
 * @param {HTMLElement} place
 * @param {ReturnType<typeof import('./accounts.js').createAccounts>} accounts
 */
export function createOverview(place, accounts) {
  /** @type {Choice} */
  let choice = { text: '', condition: 'all', order: 'attention', isDescending: false };
  let first = 0;
  /** @type {Map<string, ReturnType<typeof createRow>>} */
  let rows = new Map();
  const parts = build();
  place.replaceChildren(parts.toolbar, parts.table, parts.empty, parts.pages);

  /** @param {Partial<Choice>} change */
  const choose = (change) => {
    choice = { ...choice, ...change };
    first = 0;
    draw(Date.now());
  };
  /** @param {number} by */
  const turn = (by) => {
    first += by * PAGE_ROWS;
    draw(Date.now());
    parts.table.scrollIntoView({ block: 'nearest' });
  };
  parts.search.addEventListener('input', () => choose({ text: parts.search.value }));
  for (const [condition, { button }] of parts.filters) {
    button.addEventListener('click', () => choose({ condition }));
  }
  for (const [order, { button }] of parts.headers) {
    button.addEventListener('click', () =>
      choose({ order, isDescending: choice.order === order && !choice.isDescending }),
    );
  }
  parts.order.addEventListener('change', () => choose({ order: parts.order.value, isDescending: false }));
  parts.back.addEventListener('click', () => turn(-1));
  parts.on.addEventListener('click', () => turn(1));

  let offset = 0;
  /** @param {number} clock */
  function draw(clock) {
    const now = clock + offset;
    const counts = accounts.count();
    for (const [condition, { button, count }] of parts.filters) {
      setText(count, countText(counts[condition]));
      button.setAttribute('aria-pressed', String(condition === choice.condition));
      button.hidden = counts[condition] === 0 && condition !== 'all' && condition !== choice.condition;
    }
    for (const [order, { cell }] of parts.headers) {
      const direction = choice.isDescending ? 'descending' : 'ascending';
      cell.setAttribute('aria-sort', order === choice.order ? direction : 'none');
    }
    parts.order.value = choice.order;
    const chosen = accounts.choose(choice);
    first = Math.max(0, Math.min(first, Math.floor((chosen.length - 1) / PAGE_ROWS) * PAGE_ROWS));
    const shown = chosen.slice(first, first + PAGE_ROWS);
    placeRows(shown, now);
    parts.table.hidden = shown.length === 0;
    parts.empty.hidden = shown.length > 0;
    setText(parts.empty, counts.all === 0 ? 'The agent keeps no account.' : 'No account is like that.');
    drawPages(chosen.length, shown.length);
  }

  /**
   * @param {readonly AccountSnapshot[]} shown
   * @param {number} now
   */
  function placeRows(shown, now) {
    /** @type {typeof rows} */
    const next = new Map();
    for (const account of shown) {
      const row = rows.get(account.account) ?? createRow(account.account);
      row.show(account, now);
      next.set(account.account, row);
    }
    for (const [name, row] of rows) if (!next.has(name)) row.element.remove();
    let at = parts.body.firstElementChild;
    for (const { element } of next.values()) {
      if (element === at) at = at.nextElementSibling;
      else parts.body.insertBefore(element, at);
    }
    rows = next;
  }

  /**
   * @param {number} all
   * @param {number} shown
   */
  function drawPages(all, shown) {
    parts.pages.hidden = all <= PAGE_ROWS;
    setText(parts.place, `${countText(first + 1)}–${countText(first + shown)} of ${countText(all)}`);
    parts.back.disabled = first === 0;
    parts.on.disabled = first + shown >= all;
  }

  return {
    /** After accounts have changed. @param {number} clockOffset */
    refresh(clockOffset) {
      offset = clockOffset;
      draw(Date.now());
    },
    /** Once a second: only what counts down. */
    tick() {
      for (const row of rows.values()) row.tick(Date.now() + offset);
    },
  };
}

function build() {
  const search = html('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Find an account, a host, a cause …',
  });
  const filters = new Map(
    FILTERS.map((condition) => {
      const count = html('span', { class: 'count' }, '0');
      const title = condition === 'all' ? 'All' : CONDITION_WORDS[condition];
      const button = html('button', { type: 'button', 'data-condition': condition }, title, ' ', count);
      return [condition, { button, count }];
    }),
  );
  const headers = new Map(
    COLUMNS.map(([order, title]) => {
      const button = html('button', { type: 'button' }, title);
      const cell = html(
        'th',
        { scope: 'col', role: 'columnheader', 'data-column': order, 'aria-sort': 'none' },
        button,
      );
      return [order, { button, cell }];
    }),
  );
  const order = html(
    'select',
    { id: 'order' },
    html('option', { value: 'attention' }, 'What needs attention'),
    ...COLUMNS.map(([value, title]) => html('option', { value }, title)),
  );
  const body = html('tbody', { role: 'rowgroup' });
  const head = html(
    'thead',
    { role: 'rowgroup' },
    html('tr', { role: 'row' }, ...[...headers.values()].map(({ cell }) => cell)),
  );
  const caption = html('caption', { class: 'visually-hidden' }, 'Accounts and how each of them is');
  const table = html('table', { class: 'accounts', role: 'table' }, caption, head, body);
  const empty = html('p', { class: 'empty card', hidden: true });
  const back = html('button', { type: 'button' }, 'Previous');
  const on = html('button', { type: 'button' }, 'Next');
  const place = html('span', { role: 'status' });
  const pages = html('nav', { class: 'pages', 'aria-label': 'Pages', hidden: true }, back, place, on);
  const toolbar = html(
    'div',
    { class: 'toolbar' },
    html(
      'div',
      { class: 'filters', role: 'group', 'aria-label': 'Which accounts' },
      ...[...filters.values()].map(({ button }) => button),
    ),
    html('div', { class: 'order' }, html('label', { for: 'order' }, 'Order'), order),
    html(
      'div',
      { class: 'search' },
      html('label', { for: 'search', class: 'visually-hidden' }, 'Find'),
      search,
    ),
  );
  return { toolbar, search, filters, headers, order, table, body, empty, pages, back, on, place };
}
