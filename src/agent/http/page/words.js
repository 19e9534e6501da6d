// Facts of an account in words: states, spans, times, addresses. Independent of the locale, as everything sipreg prints.

/** @import {AccountSnapshot, AccountState, AddressSnapshot} from '../../../core/health/snapshot.ts' */
/** @typedef {'up' | 'down' | 'trying' | 'resting'} Condition */

/** @type {Readonly<Record<AccountState, string>>} */
export const STATE_WORDS = {
  unregistered: 'Not registered',
  registering: 'Registering',
  registered: 'Registered',
  refreshing: 'Refreshing',
  waiting: 'Waiting to retry',
  blocked: 'Blocked',
  unregistering: 'Unregistering',
  disabled: 'Disabled',
  paused: 'Paused',
  standby: 'Standby',
};

/** @type {Readonly<Record<Condition, string>>} */
export const CONDITION_WORDS = { up: 'Registered', down: 'Down', trying: 'Starting', resting: 'At rest' };

/**
 * As core/health/condition.ts has it.
 * @param {Pick<AccountSnapshot, 'state' | 'failure'>} account
 * @returns {Condition}
 */
export function conditionOf({ state, failure }) {
  if (state === 'registered' || state === 'refreshing') return 'up';
  if (state === 'disabled' || state === 'paused' || state === 'standby') return 'resting';
  return state === 'blocked' || failure !== null ? 'down' : 'trying';
}

/**
 * Registered, but somebody should look: a flow of several is down, or a certificate is near its end.
 * @param {Pick<AccountSnapshot, 'state' | 'failure' | 'tls'>} account
 */
export function isDoubtful(account) {
  const { failure, tls } = account;
  return conditionOf(account) === 'up' && (failure !== null || (tls !== null && tls.expiry !== 'ok'));
}

/**
 * 45 s, 5 min, 1 h 30 min, 2 d 3 h.
 * @param {number} ms
 */
export function spanText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return both(`${minutes} min`, seconds % 60, 's');
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return both(`${hours} h`, minutes % 60, 'min');
  return both(`${Math.floor(hours / 24)} d`, hours % 24, 'h');
}

/**
 * @param {string} whole
 * @param {number} rest
 * @param {string} unit
 */
function both(whole, rest, unit) {
  return rest === 0 ? whole : `${whole} ${rest} ${unit}`;
}

/**
 * A countdown: 4:05, 1:02:03.
 * @param {number} ms
 */
export function countdownText(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours >= 48) return spanText(ms);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/**
 * 0.034 s as "34 ms".
 * @param {number} seconds
 */
export function roundTripText(seconds) {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(2)} s`;
}

/**
 * 14:02:10, local; another day has its date.
 * @param {string | number} time
 * @param {number} now
 */
export function clockText(time, now) {
  const date = new Date(time);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return new Date(now).toDateString() === date.toDateString() ? clock : `${dateText(date)} ${clock}`;
}

/**
 * 2026-11-21, local.
 * @param {Date} date
 */
export function dateText(date) {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/**
 * "192.0.2.7:5061", "[2001:db8::7]:5061".
 * @param {AddressSnapshot} address
 */
export function addressText({ address, port }) {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * When the certificate that ends first does, the server's or our own; undefined: there is none.
 * @param {AccountSnapshot['tls']} tls
 */
export function certificateEnd(tls) {
  const ends = [tls?.peer.validTo, tls?.own?.validTo].map((time) => Date.parse(time ?? ''));
  const known = ends.filter((end) => !Number.isNaN(end));
  return known.length === 0 ? undefined : Math.min(...known);
}

/**
 * 10,000: a comma for the thousands.
 * @param {number} count
 */
export function countText(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** @param {number} part */
function two(part) {
  return String(part).padStart(2, '0');
}
