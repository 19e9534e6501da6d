import { describe, expect, it } from 'vitest';
import { readCheckOptions } from '../../../src/cli/check/check-options.ts';
import { CheckRefused, worstOf } from '../../../src/cli/check/plugin-state.ts';

describe('the options of check', () => {
  it('have the defaults of the interface', () => {
    expect(readCheckOptions({}, false)).toMatchObject({
      timeoutMs: 10_000,
      ask: 'agent',
      bound: false,
      format: 'nagios',
      outfile: null,
    });
    expect(readCheckOptions({}, true).format).toBe('json');
    expect(readCheckOptions({ format: 'prometheus' }, true).format).toBe('prometheus');
    expect(readCheckOptions({ direct: true, bound: true, timeout: '2.5' }, false)).toMatchObject({
      ask: 'registrar',
      bound: true,
      timeoutMs: 2_500,
    });
    expect(readCheckOptions({ verify: true }, false).ask).toBe('both');
  });

  it.each([
    [{ warning: '5:1' }, /^-w: /],
    [{ critical: 'x' }, /^-c: /],
    [{ expiresWarn: '' }, /^--expires-warn: /],
    [{ expiresCrit: '1:2:3' }, /^--expires-crit: /],
    [{ certWarn: '14' }, /^--cert-warn: /],
    [{ certCrit: '101%' }, /^--cert-crit: /],
    [{ certCrit: '-1d' }, /^--cert-crit: /],
    [{ timeout: '0' }, /^-t: /],
    [{ timeout: '1e3' }, /^-t: /],
    [{ timeout: '99999' }, /^-t: /],
    [{ format: 'xml' }, /^--format: /],
    [{ direct: true, verify: true }, /choose one/],
    [{ bound: true }, /--bound/],
  ])('%j are UNKNOWN, with the option that is wrong', (given, words) => {
    const read = (): unknown => readCheckOptions(given, false);
    expect(read).toThrow(CheckRefused);
    expect(read).toThrow(words);
  });
});

describe('the worst of several states', () => {
  it.each([
    [[], 'OK'],
    [['OK', 'UNKNOWN'], 'UNKNOWN'],
    [['UNKNOWN', 'WARNING', 'OK'], 'WARNING'],
    [['WARNING', 'CRITICAL', 'UNKNOWN'], 'CRITICAL'],
  ] as const)('%j is %s', (states, expected) => {
    expect(worstOf(states)).toBe(expected);
  });
});
