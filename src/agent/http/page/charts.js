// The last 24 h of an account as drawings: a bar of its states and its round trips. Each says in words what it shows, for
// those who do not see it.

import { html, svg } from './elements.js';
import { clockText, conditionOf, roundTripText, STATE_WORDS, spanText } from './words.js';

/** @import {RecentHistory} from '../../history.ts' */
/** @typedef {{ readonly from: number, readonly to: number }} Range */
/** @typedef {{ readonly at: number, readonly seconds: number }} Point */

const DAY_MS = 86_400_000;
const BAR_HEIGHT = 44;
const PLOT_HEIGHT = 160;
const MARGIN = { left: 58, right: 10, top: 10, bottom: 4 };
/** More points than there are pixels show nothing more. */
const MOST_POINTS = 960;
/** Fewer are shown one by one. */
const MOST_DOTS = 60;

/**
 * What both drawings have as their time: 24 h, or as long as something is known.
 * @param {RecentHistory} history
 * @param {number} now
 * @returns {Range}
 */
export function rangeOf({ bar }, now) {
  const first = Date.parse(bar[0]?.from ?? '') || now;
  return { from: Math.max(now - DAY_MS, Math.min(first, now - 60_000)), to: now };
}

/** @param {Range} range */
export function rangeText({ from, to }) {
  return to - from > DAY_MS - 60_000 ? '24 h' : spanText(to - from);
}

/**
 * @param {RecentHistory['bar']} bar
 * @param {Range} range
 * @param {number} width Pixels.
 */
export function stateBar(bar, range, width) {
  const spans = bar
    .map(({ from, to, state }) => ({
      from: Date.parse(from),
      to: to === null ? range.to : Date.parse(to),
      state,
    }))
    .filter(({ to }) => to > range.from)
    .map(({ from, to, state }) => ({
      from: Math.max(from, range.from),
      to,
      state,
      condition: spanCondition(state),
    }));
  const times = { up: 0, down: 0, trying: 0, resting: 0 };
  for (const { from, to, condition } of spans) times[condition] += to - from;
  const drawing = svg(
    'svg',
    {
      class: 'bar',
      viewBox: `0 0 ${width} ${BAR_HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': barText(times, range),
    },
    ...spans.map(({ from, to, state, condition }) => {
      const x = xOf(from, range, 0, width);
      const length = Math.max(1.5, xOf(to, range, 0, width) - x);
      // What is wrong stands out by its height too, not by its colour alone.
      const y = condition === 'up' ? 14 : condition === 'down' ? 0 : 22;
      const words = `${STATE_WORDS[state]}, ${clockText(from, range.to)} to ${clockText(to, range.to)}, ${spanText(to - from)}`;
      const height = BAR_HEIGHT - y;
      return svg(
        'rect',
        { x, y, width: length, height, class: `span ${condition}` },
        svg('title', {}, words),
      );
    }),
  );
  return html('div', { class: 'chart' }, drawing, timeAxis(range, 0), legend(times));
}

/**
 * @param {RecentHistory['roundTrips']} roundTrips
 * @param {Range} range
 * @param {number} width Pixels.
 */
export function roundTripPlot(roundTrips, range, width) {
  const points = thinned(
    roundTrips
      // Round trips are summed up over some minutes: the first may begin before what is known.
      .map(({ at, seconds }) => ({ at: Math.max(range.from, Date.parse(at)), seconds }))
      .filter(({ at }) => at <= range.to),
  );
  if (points.length === 0) return html('p', { class: 'none' }, 'No round trip yet.');
  const top = niceCeiling(Math.max(...points.map(({ seconds }) => seconds)));
  const base = PLOT_HEIGHT - MARGIN.bottom;
  /** @param {Point} point */
  const place = ({ at, seconds }) => ({
    x: xOf(at, range, MARGIN.left, width - MARGIN.right),
    y: round(base - (seconds / top) * (base - MARGIN.top)),
  });
  const figures = figuresOf(points);
  const words = `Round trips: ${figures.map(([name, value]) => `${name} ${value}`).join(', ')}`;
  const drawing = svg(
    'svg',
    { class: 'plot', viewBox: `0 0 ${width} ${PLOT_HEIGHT}`, role: 'img', 'aria-label': words },
    ...[0, 0.5, 1].flatMap((share) =>
      gridLine(share * top, place({ at: range.from, seconds: share * top }).y, width),
    ),
    ...stretches(points).flatMap((stretch) => {
      const line = stretch.map((point) => Object.values(place(point)).join(' ')).join('L');
      const [first, last] = [stretch[0], stretch.at(-1)].map(
        (point) => place(point ?? { at: 0, seconds: 0 }).x,
      );
      return [
        svg('path', { class: 'area', d: `M${first} ${base}L${line}L${last} ${base}Z` }),
        svg('path', { class: 'line', d: `M${line}` }),
      ];
    }),
    ...(points.length > MOST_DOTS ? [] : points.map((point) => dot(point, place(point), range))),
  );
  const list = figures.map(([name, value]) => html('li', {}, html('b', {}, value), ` ${name}`));
  return html(
    'div',
    { class: 'chart' },
    drawing,
    timeAxis(range, MARGIN.left),
    html('ul', { class: 'figures' }, ...list),
  );
}

/**
 * @param {number} seconds
 * @param {number} y
 * @param {number} width
 */
function gridLine(seconds, y, width) {
  return [
    svg('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
    svg(
      'text',
      { x: MARGIN.left - 8, y: y + 4, 'text-anchor': 'end' },
      seconds === 0 ? '0' : roundTripText(seconds),
    ),
  ];
}

/**
 * @param {Point} point
 * @param {{ readonly x: number, readonly y: number }} place
 * @param {Range} range
 */
function dot({ at, seconds }, { x, y }, range) {
  const words = `${roundTripText(seconds)} at ${clockText(at, range.to)}`;
  return svg('circle', { class: 'point', cx: x, cy: y, r: 3 }, svg('title', {}, words));
}

/**
 * @param {readonly Point[]} points
 * @returns {readonly (readonly [name: string, value: string])[]}
 */
function figuresOf(points) {
  const sorted = points.map(({ seconds }) => seconds).sort((a, b) => a - b);
  return [
    ['median', roundTripText(quantile(sorted, 0.5))],
    ['95 % below', roundTripText(quantile(sorted, 0.95))],
    ['longest', roundTripText(sorted.at(-1) ?? 0)],
  ];
}

/**
 * The points without the gaps in which nothing was answered: no line leads across an outage.
 * @param {readonly Point[]} points
 */
function stretches(points) {
  const gaps = points.slice(1).map(({ at }, before) => at - (points[before]?.at ?? at));
  const usual = quantile(
    [...gaps].sort((a, b) => a - b),
    0.5,
  );
  /** @type {Point[][]} */
  const parts = [];
  for (const [at, point] of points.entries()) {
    const isNew = at === 0 || (gaps[at - 1] ?? 0) > 4 * usual;
    if (isNew) parts.push([point]);
    else parts.at(-1)?.push(point);
  }
  return parts;
}

/** @param {import('../../../core/health/snapshot.ts').AccountState} state */
function spanCondition(state) {
  // A span has no failure: waiting is what an account does after one.
  return state === 'waiting' ? 'down' : conditionOf({ state, failure: null });
}

/**
 * @param {Record<'up' | 'down' | 'trying' | 'resting', number>} times
 * @param {Range} range
 */
function barText(times, range) {
  const parts = [
    `registered for ${spanText(times.up)}`,
    times.down > 0 ? `down for ${spanText(times.down)}` : 'never down',
  ];
  return `In the last ${rangeText(range)}: ${parts.join(', ')}`;
}

/** @param {Record<'up' | 'down' | 'trying' | 'resting', number>} times */
function legend(times) {
  const names = { up: 'registered', down: 'down', trying: 'on its way', resting: 'at rest' };
  const entries = Object.entries(names).filter(
    ([condition]) => times[/** @type {keyof typeof times} */ (condition)] > 0,
  );
  return html(
    'ul',
    { class: 'figures' },
    ...entries.map(([condition, name]) =>
      html(
        'li',
        {},
        html('span', { class: `key ${condition}`, 'aria-hidden': 'true' }),
        html('b', {}, spanText(times[/** @type {keyof typeof times} */ (condition)])),
        ` ${name}`,
      ),
    ),
  );
}

/**
 * Clock times below a drawing.
 * @param {Range} range
 * @param {number} left
 */
function timeAxis(range, left) {
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const axis = html('div', { class: 'axis', 'aria-hidden': 'true' });
  axis.style.paddingInlineStart = `${left}px`;
  axis.append(
    ...shares.map((share) => {
      const at = new Date(range.from + share * (range.to - range.from));
      const text = `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
      return html('span', {}, share === 1 ? 'now' : text);
    }),
  );
  return axis;
}

/**
 * @param {number} at
 * @param {Range} range
 * @param {number} from
 * @param {number} to
 */
function xOf(at, range, from, to) {
  return round(from + ((at - range.from) / (range.to - range.from)) * (to - from));
}

/**
 * Of many points the highest of each stretch: what was slow must not be thinned out.
 * @param {readonly Point[]} points
 */
function thinned(points) {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return points;
  const kept = [];
  for (let from = 0; from < points.length; from += size) {
    const stretch = points.slice(from, from + size);
    kept.push(stretch.reduce((a, b) => (b.seconds > a.seconds ? b : a)));
  }
  return kept;
}

/** @param {number} value */
function niceCeiling(value) {
  const size = 10 ** Math.floor(Math.log10(Math.max(value, 0.001)));
  const step = [1, 2, 4, 6, 8, 10].find((one) => one * size >= value) ?? 10;
  return step * size;
}

/**
 * @param {readonly number[]} sorted
 * @param {number} share
 */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 10) / 10;
}
