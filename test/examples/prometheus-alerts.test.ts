// examples/prometheus-alerts.yml: promtool accepts it, it fires when it should, and it speaks of metrics that exist.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../../scripts/setup.mjs';
import { ACCOUNT_FAMILIES } from '../../src/agent/http/account-families.ts';
import { AGENT_FAMILIES } from '../../src/agent/http/agent-families.ts';
import { checkText } from '../../src/cli/check/result-formats.ts';
import { VERDICTS } from '../../src/core/health/verdict.ts';
import { isInstalled, missingPrograms } from '../interop/installed.ts';

const RULES = 'examples/prometheus-alerts.yml';

describe('the alerting rules', () => {
  it('speak of metrics that the agent and the check have', () => {
    const [rules, tests] = [RULES, 'test/examples/prometheus-alerts-test.yml'].map((path) =>
      readFileSync(join(projectRoot, path), 'utf8'),
    );
    const families = [...ACCOUNT_FAMILIES, ...AGENT_FAMILIES].map(({ name }) => name);
    const spoken = new Set(`${rules}${tests}`.match(/\bsipreg_\w+/g));
    expect(spoken.size).toBeGreaterThan(12);
    const unknown = [...spoken].filter(
      (name) =>
        !name.startsWith('sipreg_check_') && !families.includes(name.replace(/_(bucket|sum|count)$/, '')),
    );
    expect(unknown).toEqual([]);
    const metrics = {
      name: 'rtt',
      value: 1,
      unit: 's',
      levels: { warning: null, critical: null },
      min: 0,
      max: null,
    } as const;
    const judgement = {
      account: 'a',
      state: 'OK',
      text: '',
      metrics: [metrics],
      registered: true,
      failure: null,
    } as const;
    const checked = checkText(
      {
        state: 'OK',
        problem: null,
        troubles: [],
        judgements: [judgement],
        isAboutOne: false,
        at: '2026-01-01T00:00:00Z',
      },
      'prometheus',
    );
    for (const name of spoken) if (name.startsWith('sipreg_check_')) expect(checked).toContain(`\n${name}`);
  });

  it('name only failures that exist', () => {
    const codes = readFileSync(join(projectRoot, RULES), 'utf8').match(
      /\b(?:tls|auth|connect|register|dns)\.[a-z-]+\b/g,
    );
    for (const code of codes ?? []) expect(Object.keys(VERDICTS)).toContain(code);
  });
});

describe.skipIf(!isInstalled('promtool'))(`promtool${missingPrograms('promtool')}`, () => {
  const promtool = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: projectRoot, encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  it('accepts the rules', () => {
    expect(promtool('check', 'rules', RULES)).toMatchObject({ status: 0 });
  });

  it('says that they fire when they should, and only then', () => {
    const { status, output } = promtool('test', 'rules', 'test/examples/prometheus-alerts-test.yml');
    expect(status, output).toBe(0);
  });
});
