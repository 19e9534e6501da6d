import { expect, it } from 'vitest';
import type { ExpiresSnapshot } from '../../../src/core/health/snapshot.ts';
import { durationText, roundTripText, ruleText } from '../../../src/core/health/words.ts';

it.each([
  [-3, '0 s'],
  [45.4, '45 s'],
  [119, '119 s'],
  [120, '2 min'],
  [192, '3 min 12 s'],
  [5_400, '1 h 30 min'],
  [3_605, '1 h'],
  [183_600, '2 d 3 h'],
])('says %d seconds as %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

it.each([
  [0.0001, '1 ms'],
  [0.034, '34 ms'],
  [2.54, '2.5 s'],
])('says a round trip of %d seconds as %s', (seconds, text) => {
  expect(roundTripText(seconds)).toBe(text);
});

it('says by which rule the time holds, and what was asked when it is another', () => {
  const expires: ExpiresSnapshot = {
    requested: 300,
    granted: 300,
    source: 'expires-header',
    matchedBy: 'instance',
    at: '',
  };
  expect(ruleText(expires)).toBe('(by the Expires header, found by instance)');
  expect(ruleText({ ...expires, requested: 3600, source: 'requested', matchedBy: 'none' })).toBe(
    '(as asked, the registrar named no time, our contact is not listed, 1 h asked)',
  );
});
