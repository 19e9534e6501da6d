// Facts of a registration in words, for the commands and the log alike: spans of time, and why the granted time holds.
// Independent of the locale.

import type { ExpiresSnapshot } from './snapshot.ts';

/** 45 s, 5 min, 1 h 30 min, 2 d 3 h. */
export function durationText(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  if (rounded < 120) return `${rounded} s`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => rounded >= size);
  const [[name, size] = ['s', 1], second] = [units[first], units[first + 1]];
  const whole = `${Math.floor(rounded / size)} ${name}`;
  const rest = second === undefined ? 0 : Math.floor((rounded % size) / second[1]);
  return rest === 0 || second === undefined ? whole : `${whole} ${rest} ${second[0]}`;
}

/** 0.034 s as "34 ms", 2.5 s as "2.5 s". */
export function roundTripText(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

/** By which rule the time holds: who said it and how our contact was found. */
export function ruleText({ requested, granted, source, matchedBy }: ExpiresSnapshot): string {
  const said = {
    contact: "by our contact's expires",
    'expires-header': 'by the Expires header',
    requested: 'as asked, the registrar named no time',
  }[source];
  const found = {
    instance: 'found by instance',
    uri: 'found by URI',
    count: 'the only contact, rewritten by the registrar',
    none: 'our contact is not listed',
  }[matchedBy];
  const asked = requested === granted ? '' : `, ${durationText(requested)} asked`;
  return `(${said}, ${found}${asked})`;
}
