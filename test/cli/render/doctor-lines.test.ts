import { describe, expect, it } from 'vitest';
import type { Theme } from '../../../src/cli/colors.ts';
import { fail, ok, skipped, warn } from '../../../src/cli/doctor/fact.ts';
import {
  doctorDocument,
  factLines,
  skippedLines,
  summaryLine,
} from '../../../src/cli/render/doctor-lines.ts';
import { failureOf } from '../../../src/core/health/verdict.ts';

const asItIs = (text: string): string => text;
const THEME: Theme = { good: asItIs, bad: asItIs, caution: asItIs, strong: asItIs, faint: asItIs };
const PIPE = { columns: null, now: new Date('2026-11-21T12:00:00Z') };
const target = { transport: 'tls', host: 'pbx.test', address: '2001:db8::7', port: 5061 } as const;
const broken = fail('tls.name', failureOf('tls.name-mismatch', 'it is for other.test'), { target });

describe('the lines of doctor', () => {
  it('is one line a fact, with its code, its target and its time', () => {
    expect(factLines(ok('tcp.connect', 'connected', { target, seconds: 0.011 }), THEME, PIPE)).toBe(
      ' ok   tcp.connect             tls [2001:db8::7]:5061  connected, 11 ms',
    );
  });

  it('has cause and next step under a failure, and what to do under a warning', () => {
    expect(factLines(broken, THEME, PIPE).split('\n')).toEqual([
      ' FAIL tls.name                tls [2001:db8::7]:5061  tls.name-mismatch',
      '                              cause   it is for other.test',
      "                              advice  check the registrar's name, or set tls.serverName or tls.verify",
    ]);
    expect(
      factLines(warn('clock.date', 'it is late', 'go home'), THEME, PIPE)
        .split('\n')[1]
        ?.trim(),
    ).toBe('advice  go home');
  });

  it('breaks lines at the width of a terminal, under the text', () => {
    const long = ok('tls.chain', 'certificate '.repeat(10).trim());
    const lines = factLines(long, THEME, { ...PIPE, columns: 80 }).split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[1]).toMatch(/^ {30}certificate/);
  });

  it('lets no control character of a stranger pass', () => {
    expect(factLines(ok('options.server', 'pbx\u001b[2J\u0007'), THEME, PIPE)).not.toMatch(/[\u0007\u001b]/);
  });

  it('puts what was skipped for one reason into one line', () => {
    const facts = [
      skipped('digest.offered', 'needs it'),
      skipped('bindings.own', 'needs it'),
      skipped('clock.date', 'no Date'),
    ];
    expect(skippedLines(facts, THEME, PIPE).split('\n')).toEqual([
      ' skip digest.offered          needs it (so does bindings.own)',
      ' skip clock.date              no Date',
    ]);
  });

  it('ends with what counts', () => {
    expect(summaryLine('a', [ok('dns.a', ''), broken], THEME)).toBe(
      '✗ a  1 failed (tls.name), 0 warnings, 1 ok, 0 skipped',
    );
    expect(summaryLine('a', [ok('dns.a', '')], THEME)).toBe(
      '✓ a  nothing failed, 0 warnings, 1 ok, 0 skipped',
    );
  });

  it('is a document with the same facts', () => {
    const account = { account: 'a', aor: 'sip:a@b', registrar: 'sip:b', facts: [ok('dns.a', 'x'), broken] };
    expect(doctorDocument([account])).toEqual({
      schema: 'sipreg.doctor/1',
      accounts: [
        {
          account: 'a',
          aor: 'sip:a@b',
          registrar: 'sip:b',
          ok: false,
          facts: [
            {
              code: 'dns.a',
              mark: 'ok',
              target: null,
              text: 'x',
              seconds: null,
              failure: null,
              advice: null,
            },
            {
              code: 'tls.name',
              mark: 'fail',
              target,
              text: '',
              seconds: null,
              advice: null,
              failure: {
                stage: 'tls',
                code: 'tls.name-mismatch',
                status: null,
                reason: null,
                cause: 'it is for other.test',
                advice: expect.any(String),
                retryAfter: null,
              },
            },
          ],
        },
      ],
    });
  });
});
