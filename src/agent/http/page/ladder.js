// The last exchange as a ladder: what went to the registrar and what came back, with the time between. Each message opens
// to its text, in which the agent has put dots in the place of credentials.

import { html } from './elements.js';
import { addressText, clockText, roundTripText } from './words.js';

/** @import {TraceMessage} from '../../trace/trace-ring.ts' */

/**
 * @param {readonly TraceMessage[]} exchange
 * @param {number} now
 */
export function ladder(exchange, now) {
  const [first] = exchange;
  if (first === undefined) return html('p', { class: 'none' }, 'No message is kept of this account.');
  const ends = html(
    'div',
    { class: 'ladder-ends', 'aria-hidden': 'true' },
    html(
      'span',
      {},
      html('b', {}, 'sipreg'),
      html('span', { class: 'second number' }, addressText(first.local)),
    ),
    html(
      'span',
      {},
      html('b', {}, 'registrar'),
      html('span', { class: 'second number' }, `${first.transport} ${addressText(first.remote)}`),
    ),
  );
  const steps = exchange.map((message, at) => step(message, exchange[at - 1], now));
  return html('div', { class: 'ladder' }, ends, html('ol', {}, ...steps));
}

/**
 * @param {TraceMessage} message
 * @param {TraceMessage | undefined} before
 * @param {number} now
 */
function step({ time, direction, text }, before, now) {
  const [line = '', ...rest] = text.split(/\r?\n/);
  const since =
    before === undefined ? '' : `+${roundTripText((Date.parse(time) - Date.parse(before.time)) / 1000)}`;
  const words = direction === 'sent' ? 'sent' : 'received';
  return html(
    'li',
    { class: direction },
    html(
      'details',
      {},
      html(
        'summary',
        {},
        html(
          'span',
          { class: 'time number' },
          clockText(time, now),
          html('span', { class: 'second' }, since),
        ),
        html(
          'span',
          { class: 'arrow', 'data-kind': kindOf(line) },
          html('span', { class: 'visually-hidden' }, `${words}: `),
          html('span', { class: 'label' }, shortLine(line), html('span', { class: 'second' }, cseqOf(rest))),
        ),
      ),
      html('pre', { tabindex: '0', 'aria-label': `The message: ${shortLine(line)}` }, text.trimEnd()),
    ),
  );
}

/**
 * "REGISTER", "401 Unauthorized".
 * @param {string} line
 */
function shortLine(line) {
  return line.startsWith('SIP/2.0 ') ? line.slice(8) : (line.split(' ')[0] ?? line);
}

/** @param {string} line */
function kindOf(line) {
  const [, status] = /^SIP\/2\.0 (\d)/.exec(line) ?? [];
  if (status === undefined) return 'request';
  return status === '2' ? 'success' : status === '1' ? 'provisional' : 'refusal';
}

/** @param {readonly string[]} lines */
function cseqOf(lines) {
  const [, cseq] = /^CSeq:\s*(.+)$/i.exec(lines.find((line) => /^CSeq:/i.test(line)) ?? '') ?? [];
  return cseq === undefined ? '' : `CSeq ${Number.parseInt(cseq, 10)}`;
}
