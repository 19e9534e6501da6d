import { describe, expect, it } from 'vitest';
import { statusText } from '../../../src/agent/systemd/status-words.ts';

const agent = { state: 'running', registered: 41, enabled: 42, problems: [] } as const;
const failure = {
  stage: 'auth',
  code: 'auth.rejected',
  status: 403,
  reason: 'Forbidden',
  cause: 'the registrar rejects the credentials',
  advice: 'check the password',
  retryAfter: null,
  at: '2026-11-21T10:00:00.000Z',
} as const;

describe('STATUS= in words', () => {
  it('counts, and names who has been down for longest with its cause', () => {
    expect(statusText({ agent, firstDown: null, furtherDown: 0 })).toBe('41 of 42 registered');
    const firstDown = { account: 'office', state: 'blocked', failure } as const;
    expect(statusText({ agent, firstDown, furtherDown: 0 })).toBe(
      '41 of 42 registered; office blocked: the registrar rejects the credentials',
    );
    expect(statusText({ agent, firstDown, furtherDown: 2 })).toMatch(/credentials \(and 2 more\)$/);
    const unexplained = { ...firstDown, failure: null };
    expect(statusText({ agent, firstDown: unexplained, furtherDown: 0 })).toMatch(/; office blocked$/);
  });

  it('says what is wrong with the agent, and that it starts or stops', () => {
    const problems = ['the state cannot be written', 'another'];
    const starting = { ...agent, state: 'starting', problems } as const;
    expect(statusText({ agent: starting, firstDown: null, furtherDown: 0 })).toBe(
      'starting; 41 of 42 registered; the state cannot be written',
    );
  });

  it('is one line of bounded length, whatever a registrar says', () => {
    const hostile = { ...failure, cause: `x\nREADY=1\n\u001b[31m${'long '.repeat(200)}` };
    const firstDown = { account: 'office', state: 'waiting', failure: hostile } as const;
    const text = statusText({ agent, firstDown, furtherDown: 0 });
    expect(text).not.toMatch(/[\n\u001b]/);
    expect(text.length).toBeLessThanOrEqual(301);
  });
});
