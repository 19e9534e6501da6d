import { describe, expect, it } from 'vitest';
import { nearestKey, renderPath, renderProblem, suggestKey } from '../../src/accounts/explain.ts';

const KEYS = [
  'aor',
  'from',
  'registrar',
  'outboundProxy',
  'username',
  'password',
  'ha1',
  'expires',
  'tls',
  'instanceId',
  'headers',
];

describe('the nearest known key', () => {
  it.each([
    ['registar', 'registrar'],
    ['regsitrar', 'registrar'],
    ['outbound_proxy', 'outboundProxy'],
    ['outboundproxy', 'outboundProxy'],
    ['OutboundProxies', 'outboundProxy'],
    ['instanceID', 'instanceId'],
    ['expire', 'expires'],
    ['passwrod', 'password'],
    ['ah1', 'ha1'],
    ['header', 'headers'],
  ])('of %s is %s', (typed, meant) => {
    expect(nearestKey(typed, KEYS)).toBe(meant);
  });

  it.each(['proxy', 'secret', '', 'zz', 'x'.repeat(100_000)])('of %.20s is none', (typed) => {
    expect(nearestKey(typed, KEYS)).toBeNull();
  });

  it('gives way to all that are known where none is near', () => {
    expect(suggestKey('zzzz', ['http', 'socket'])).toBe('known here: http, socket');
    expect(suggestKey('zzzz', KEYS)).toBe(`known here: ${KEYS.join(', ')}`);
  });

  it('of "aor" outside an account says where it belongs', () => {
    expect(suggestKey('aor', ['expires', 'tls'])).toMatch(/^each account has its own/);
  });
});

describe('the path of a problem', () => {
  it('has names of a bounded length', () => {
    expect(renderPath(['accounts', 'x'.repeat(100_000)])).toHaveLength(89);
    expect(renderPath(['accounts', 'ü'.repeat(100_000)])).toHaveLength(91);
  });
});

describe('a problem in words', () => {
  it('begins with file, line and column, as compilers write them', () => {
    const problem = {
      file: '/etc/a.json',
      line: 3,
      column: 7,
      path: 'accounts.office.registar',
      message: 'unknown key',
      hint: 'did you mean "registrar"?',
    };
    expect(renderProblem(problem)).toBe(
      '/etc/a.json:3:7: accounts.office.registar: unknown key; did you mean "registrar"?',
    );
    expect(renderProblem({ ...problem, path: '', hint: null })).toBe('/etc/a.json:3:7: unknown key');
  });

  it('quotes names that are no plain words, on one line', () => {
    expect(renderPath(['accounts', 'a', 'outboundProxy', 1])).toBe('accounts.a.outboundProxy[1]');
    expect(renderPath(['accounts', 'a b\n', 'x'])).toBe('accounts."a b\\n".x');
    expect(renderPath([])).toBe('');
  });
});
