// The table of verdicts, and what an answer says for itself.

import { describe, expect, it } from 'vitest';
import { answerInWords, printable, retryAfterOf } from '../../../src/core/health/evidence.ts';
import { exitOf, failureOf, VERDICTS, type VerdictCode } from '../../../src/core/health/verdict.ts';
import { type HeaderField, NO_BODY, type SipResponse } from '../../../src/core/sip/message.ts';

const codes = Object.keys(VERDICTS) as readonly VerdictCode[];
const STAGES = ['config', 'secret', 'dns', 'connect', 'tls', 'register', 'auth', 'internal'];

function response(reason: string, headers: readonly HeaderField[] = []): SipResponse {
  return { kind: 'response', version: 'SIP/2.0', status: 403, reason, headers, body: NO_BODY };
}

describe('the table of verdicts', () => {
  it.each(codes)('%s has a stage, words and something to do', (code) => {
    const failure = failureOf(code, 'it happened');
    expect(STAGES).toContain(failure.stage);
    expect(code.startsWith(`${failure.stage}.`)).toBe(true);
    expect(failure).toMatchObject({ code, cause: 'it happened', status: null, retryAfterSeconds: null });
    expect(failure.advice).toBe(VERDICTS[code].remedy);
    expect(VERDICTS[code].meaning.length).toBeGreaterThan(10);
    expect([64, 66, 68, 69, 70, 75, 76, 77, 78]).toContain(exitOf(code));
  });

  it('has the codes and exits that interface.md promises', () => {
    const promised: Readonly<Partial<Record<VerdictCode, number>>> = {
      'dns.no-such-name': 68,
      'dns.timeout': 68,
      'connect.refused': 69,
      'connect.timeout': 69,
      'register.timeout': 69,
      'register.rejected': 75,
      'register.forbidden': 77,
      'register.interval': 75,
      'register.removed': 75,
      'auth.rejected': 77,
      'auth.no-credentials': 77,
      'auth.no-algorithm': 77,
      'tls.expired': 76,
      'tls.not-yet-valid': 76,
      'tls.name-mismatch': 76,
      'tls.untrusted': 76,
      'tls.version': 76,
      'tls.client-certificate': 76,
      'tls.not-tls': 76,
      'tls.timeout': 76,
      'config.invalid': 78,
      'internal.bug': 70,
    };
    for (const [code, exit] of Object.entries(promised)) expect(exitOf(code as VerdictCode)).toBe(exit);
  });

  it('takes better advice where there is some', () => {
    expect(failureOf('register.removed', 'x', { advice: 'y', status: 200 })).toMatchObject({
      advice: 'y',
      status: 200,
    });
  });
});

describe('evidence', () => {
  it('shows nothing that could drive a terminal', () => {
    expect(printable('\u001b[2Jred\u009b1m\r\n\u202eevil\u2028 ')).toBe('[2Jred 1m evil');
    expect(printable('x'.repeat(300))).toBe(`${'x'.repeat(200)}…`);
    expect(printable('grüß dich')).toBe('grüß dich');
  });

  it('R190 quotes reason phrase and Warning', () => {
    const warnings = ['399 pbx "too many\u0007contacts"', '399 b "x"'].map((value) => ({
      name: 'Warning',
      value,
    }));
    expect(answerInWords(response('Forbidden'))).toBe('403 Forbidden');
    expect(answerInWords(response(''))).toBe('403');
    expect(answerInWords(response('No', warnings))).toBe(
      '403 No (Warning: 399 pbx "too many contacts"; 399 b "x")',
    );
  });

  it('R192 reads Retry-After up to one day', () => {
    const seconds = (value: string) => retryAfterOf(response('', [{ name: 'Retry-After', value }]));
    expect([seconds('60'), seconds('18000;duration=3600'), seconds('99999999'), seconds('soon')]).toEqual([
      60,
      18_000,
      86_400,
      null,
    ]);
    expect(retryAfterOf(response(''))).toBeNull();
  });
});
