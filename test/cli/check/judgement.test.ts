import { describe, expect, it } from 'vitest';
import { readCheckOptions, type Thresholds } from '../../../src/cli/check/check-options.ts';
import { judgeAccount } from '../../../src/cli/check/judgement.ts';
import type { AccountSnapshot, FailureSnapshot, TlsSnapshot } from '../../../src/core/health/snapshot.ts';
import { accountNamed } from '../../agent/control/fake-operations.ts';

const NOW = Date.parse('2026-11-21T10:00:00.000Z');
const DAY_MS = 86_400_000;

const TIMEOUT: FailureSnapshot = {
  stage: 'register',
  code: 'register.timeout',
  status: null,
  reason: null,
  cause: 'no answer within 32 s',
  advice: '',
  retryAfter: null,
  at: '2026-11-21T09:59:00.000Z',
};

function thresholds(given: Readonly<Record<string, string>> = {}): Thresholds {
  return readCheckOptions(given, false).thresholds;
}

function judged(change: Partial<AccountSnapshot>, given: Readonly<Record<string, string>> = {}) {
  return judgeAccount(accountNamed('office', change), thresholds(given), NOW);
}

/** A binding that ends `seconds` from now. */
function expiresIn(seconds: number): AccountSnapshot['expires'] {
  const at = new Date(NOW + seconds * 1000).toISOString();
  return { requested: 3600, granted: 300, source: 'contact', matchedBy: 'uri', at };
}

describe('the state of an account', () => {
  it.each([
    ['registered', null, 200, 'OK'],
    ['refreshing', null, 20, 'OK'],
    // One flow of several is down.
    ['registered', TIMEOUT, 200, 'WARNING'],
    // A refresh that fails, while the binding lasts and when it has lapsed.
    ['waiting', TIMEOUT, 20, 'WARNING'],
    ['registering', TIMEOUT, 20, 'WARNING'],
    ['waiting', TIMEOUT, -1, 'CRITICAL'],
    ['waiting', TIMEOUT, null, 'CRITICAL'],
    ['registering', null, null, 'CRITICAL'],
    ['unregistered', null, null, 'CRITICAL'],
    ['blocked', { ...TIMEOUT, stage: 'auth', code: 'auth.rejected' }, 200, 'CRITICAL'],
    ['paused', null, null, 'OK'],
    ['disabled', null, null, 'OK'],
  ] as const)('%s, with failure %j and %s s left, is %s: %s', (state, failure, left, expected) => {
    const expires = left === null ? null : expiresIn(left);
    const judgement = judged({ state, failure, expires });
    expect(judgement.state).toBe(expected);
    if (failure !== null) expect(judgement.text).toContain(`${failure.code}: no answer within 32 s`);
  });

  it('is told in words, with its numbers', () => {
    expect(judged({ expires: expiresIn(240) })).toEqual({
      account: 'office',
      state: 'OK',
      text: 'registered at tls 192.0.2.7:5061, 4 min left, 34 ms',
      registered: true,
      failure: null,
      metrics: [
        {
          name: 'rtt',
          value: 0.034,
          unit: 's',
          levels: { warning: null, critical: null },
          min: 0,
          max: null,
        },
        {
          name: 'expires',
          value: 240,
          unit: 's',
          levels: { warning: null, critical: '0:' },
          min: null,
          max: 300,
        },
      ],
    });
  });

  it.each([
    [{ warning: '0.01' }, 'WARNING'],
    [{ warning: '0.01', critical: '0.02' }, 'CRITICAL'],
    [{ warning: '1', critical: '2' }, 'OK'],
    [{ critical: '@0:1' }, 'CRITICAL'],
    [{ expiresWarn: '500:' }, 'WARNING'],
    [{ expiresCrit: '500:' }, 'CRITICAL'],
  ])('follows the ranges %j: %s', (given, expected) => {
    expect(judged({ expires: expiresIn(240) }, given).state).toBe(expected);
  });

  it('hides nothing that a registrar wrote, but what would break the line', () => {
    const failure = { ...TIMEOUT, cause: 'the answer is "a\u001b[31m|\nb"' };
    expect(judged({ state: 'waiting', failure, expires: null }).text).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe('the certificates', () => {
  function dates(daysLeft: number, lifetimeDays: number) {
    const ends = NOW + daysLeft * DAY_MS;
    const validFrom = new Date(ends - lifetimeDays * DAY_MS).toISOString();
    return { validFrom, validTo: new Date(ends).toISOString() };
  }

  function certificate(daysLeft: number, lifetimeDays: number, given = {}, own: object | null = null) {
    const tls = { protocol: 'TLSv1.3', peer: dates(daysLeft, lifetimeDays), own } as unknown as TlsSnapshot;
    return judged({ tls, expires: expiresIn(240) }, given);
  }

  it.each([
    [60, 365, {}, 'OK'],
    [20, 365, {}, 'WARNING'],
    [6, 365, {}, 'CRITICAL'],
    [-1, 365, {}, 'CRITICAL'],
    // A third and a sixth of a short life.
    [3, 6, {}, 'OK'],
    [1.9, 6, {}, 'WARNING'],
    [0.9, 6, {}, 'CRITICAL'],
    [60, 365, { certWarn: '90d' }, 'WARNING'],
    [60, 365, { certWarn: '33%' }, 'WARNING'],
    [60, 365, { certCrit: '20%' }, 'CRITICAL'],
    [20, 365, { certWarn: '14d' }, 'OK'],
    [6, 365, { certWarn: '14d', certCrit: '5d' }, 'WARNING'],
  ])('with %s of %s days left and %j is %s', (left, lifetime, given, expected) => {
    const judgement = certificate(left, lifetime, given);
    expect(judgement.state).toBe(expected);
    const metric = judgement.metrics.find(({ name }) => name === 'cert');
    expect(metric).toMatchObject({ value: left * 86_400, unit: 's' });
  });

  it('count both, and the number is that of the one that ends first', () => {
    const judgement = certificate(60, 365, {}, dates(6, 365));
    expect(judgement.state).toBe('CRITICAL');
    expect(judgement.text).toMatch(/; our own certificate ends in 6 d$/);
    expect(judgement.metrics.find(({ name }) => name === 'cert')?.value).toBe(6 * 86_400);
  });

  it('tell by which limits they were judged', () => {
    const metric = certificate(60, 365).metrics.find(({ name }) => name === 'cert');
    expect(metric?.levels).toEqual({ warning: `${21 * 86_400}:`, critical: `${7 * 86_400}:` });
  });
});
