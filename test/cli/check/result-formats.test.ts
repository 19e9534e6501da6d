import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readCheckOptions } from '../../../src/cli/check/check-options.ts';
import { type Judgement, judgeAccount } from '../../../src/cli/check/judgement.ts';
import { worstOf } from '../../../src/cli/check/plugin-state.ts';
import { type CheckResult, checkText } from '../../../src/cli/check/result-formats.ts';
import { accountNamed } from '../../agent/control/fake-operations.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';
import { readPlugin } from './perfdata-grammar.ts';

const AT = '2026-11-21T10:00:00.000Z';

function judgement(account: string, change: Partial<Judgement> = {}): Judgement {
  const { thresholds } = readCheckOptions({ warning: '0.5', critical: '@1:' }, false);
  return { ...judgeAccount(accountNamed(account), thresholds, Date.parse(AT)), ...change };
}

function resultOf(judgements: readonly Judgement[], isAboutOne = false): CheckResult {
  const state = worstOf(judgements.map((one) => one.state));
  return { state, problem: null, judgements, troubles: [], isAboutOne, at: AT };
}

/** An agent with a full disk. */
function troubled(judgements: readonly Judgement[], isAboutOne = false): CheckResult {
  return { ...resultOf(judgements, isAboutOne), state: 'WARNING', troubles: ['ENOSPC | the disk is full'] };
}

const PROBLEM: CheckResult = {
  state: 'CRITICAL',
  problem: 'no agent | is\nrunning',
  judgements: [],
  troubles: [],
  isAboutOne: false,
  at: AT,
};

describe('nagios', () => {
  it('of one account is one line, its numbers under their own names', () => {
    const text = checkText(resultOf([judgement('office')], true), 'nagios');
    const { state, values, lines } = readPlugin(text);
    expect(state).toBe('OK');
    expect(lines).toEqual([]);
    expect(text).toMatch(/^SIPREG OK: office registered at tls 192\.0\.2\.7:5061, 4 min left, 34 ms \| /);
    expect(values.get('rtt')).toEqual({ value: 0.034, unit: 's', rest: ['0.5', '@1:', '0'] });
    expect(values.get('expires')).toEqual({ value: 240, unit: 's', rest: ['', '0:', '', '300'] });
  });

  it('of several accounts tells the worst first and each in a line', () => {
    const down = judgement('lab@site', { state: 'CRITICAL', text: 'a | b', registered: false });
    const { state, text, values, lines } = readPlugin(
      checkText(resultOf([judgement('office'), down]), 'nagios'),
    );
    expect(state).toBe('CRITICAL');
    expect(text).toBe('SIPREG CRITICAL: 1 of 2 registered; lab@site a / b');
    expect(lines.map((line) => line.split(':')[0])).toEqual(['CRITICAL', 'OK']);
    expect([...values.keys()]).toEqual([
      'registered',
      'office_rtt',
      'office_expires',
      'lab@site_rtt',
      'lab@site_expires',
    ]);
    expect(values.get('registered')).toEqual({ value: 1, unit: '', rest: ['', '', '0', '2'] });
  });

  it('tells what is wrong with the agent itself', () => {
    const one = readPlugin(checkText(troubled([judgement('office')], true), 'nagios'));
    expect(one.text).toMatch(
      /^SIPREG WARNING: office registered at .* ms; the agent: ENOSPC \/ the disk is full$/,
    );
    const two = readPlugin(checkText(troubled([judgement('office'), judgement('lab')]), 'nagios'));
    expect(two.text).toBe('SIPREG WARNING: 2 of 2 registered; the agent: ENOSPC / the disk is full');
  });

  it('of ten thousand accounts stays below what Nagios reads', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => judgement(`a${at}`));
    const text = checkText(resultOf([...many, judgement('lab', { state: 'WARNING' })]), 'nagios');
    expect(text.length).toBeLessThan(8_192);
    const { lines } = readPlugin(text);
    expect(lines[0]).toMatch(/^WARNING: lab /);
    expect(lines.at(-1)).toBe('and 9981 more');
  });

  it('of no account is one line that cannot be taken for numbers', () => {
    expect(checkText(PROBLEM, 'nagios')).toBe('SIPREG CRITICAL: no agent / is running\n');
  });
});

describe('checkmk', () => {
  it('is a service for each account, and one for the agent', () => {
    const text = checkText(resultOf([judgement('office'), judgement('lab', { metrics: [] })]), 'checkmk');
    expect(text.split('\n')).toEqual([
      '0 "SIPREG" registered=2 2 of 2 registered',
      expect.stringMatching(/^0 "SIPREG office" rtt=0\.034\|expires=240 registered at /),
      expect.stringMatching(/^0 "SIPREG lab" - registered at /),
      '',
    ]);
    expect(checkText(troubled([judgement('office')]), 'checkmk')).toMatch(
      /^1 "SIPREG" registered=1 1 of 1 registered; ENOSPC \/ the disk is full\n0 "SIPREG office" /,
    );
    expect(checkText(PROBLEM, 'checkmk')).toBe('2 "SIPREG" - no agent / is running\n');
  });
});

describe('json', () => {
  it('is one document', () => {
    const document = JSON.parse(checkText(resultOf([judgement('office')]), 'json'));
    expect(document).toMatchObject({
      schema: 'sipreg.check/1',
      state: 'OK',
      code: 0,
      problem: null,
      troubles: [],
      accounts: [{ account: 'office', state: 'OK', code: 0, registered: true, failure: null }],
    });
  });
});

describe.skipIf(!isInstalled('promtool'))(`prometheus${missingPrograms('promtool')}`, () => {
  it.each([
    ['accounts', resultOf([judgement('office'), judgement('lab@x', { state: 'CRITICAL' })])],
    ['a problem', PROBLEM],
  ])('with %s passes promtool', (_, result) => {
    const text = checkText(result, 'prometheus');
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
    expect(text).toContain(`sipreg_check_result 2\n`);
  });
});
