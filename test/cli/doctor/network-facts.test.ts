import { describe, expect, it } from 'vitest';
import { clockFact, natFacts, sipDate } from '../../../src/cli/doctor/network-facts.ts';
import { AT, answered } from './answers.ts';

const natOf = (via: string, nat: 'auto' | 'off' = 'auto') => natFacts([answered(via)], nat, null);

describe('our address as the server sees it', () => {
  it('is our own without a NAT', () => {
    expect(natOf('192.168.1.5:40112;received=192.168.1.5;rport=40112')).toMatchObject([
      { code: 'nat.address', mark: 'ok', text: 'no NAT: the server sees us as 192.168.1.5:40112' },
      { code: 'nat.via', mark: 'ok', text: 'as we sent it' },
    ]);
  });

  it('is that of a NAT, and matters when the contact does not follow it', () => {
    const via = '192.168.1.5:40112;received=203.0.113.5;rport=61000';
    const text = 'a NAT: the server sees 203.0.113.5:61000, we send from 192.168.1.5:40112';
    expect(natOf(via)[0]).toMatchObject({ mark: 'ok', text: `${text}; the contact has the public address` });
    expect(natOf(via, 'off')[0]).toMatchObject({
      mark: 'warn',
      text,
      advice: expect.stringContaining('"auto"'),
    });
  });

  it('may have another port only, or not be told at all', () => {
    expect(natOf('192.168.1.5:40112;rport=61000')[0]?.text).toContain('sees 192.168.1.5:61000');
    expect(natOf('192.168.1.5:40112')[0]).toMatchObject({
      mark: 'ok',
      text: expect.stringContaining('does not tell'),
    });
    expect(natOf('192.168.1.5:40112;received=0.0.0.0;rport=1')[0]).toMatchObject({ mark: 'warn' });
    expect(natFacts([], 'auto', null)).toMatchObject([{ mark: 'skipped' }]);
  });

  it('tells of a Via that comes back with another sender: a SIP ALG', () => {
    const [, via] = natFacts([answered('203.0.113.5:5060;rport=40112'), answered()], 'auto', null);
    expect(via).toMatchObject({ code: 'nat.via', mark: 'warn', text: expect.stringContaining('SIP ALG') });
  });
});

describe("this host's clock", () => {
  const clockOf = (...rows: readonly string[]) => clockFact([answered(undefined, rows)]);

  it('R131 agrees with the Date of an answer, or is told how far it is away from it', () => {
    expect(clockOf('Date: Sat, 21 Nov 2026 12:00:20 GMT')).toMatchObject({ mark: 'ok' });
    expect(clockOf('Date: Sat, 21 Nov 2026 14:00:00 GMT')).toMatchObject({
      code: 'clock.date',
      mark: 'warn',
      text: 'this host is 2 h behind the server: the server says Sat, 21 Nov 2026 14:00:00 GMT',
    });
    expect(clockOf('Date: Sat, 21 Nov 2026 10:00:00 GMT').text).toContain('2 h ahead of the server');
  });

  it('R189 is not judged without a Date that is one', () => {
    expect(clockOf()).toMatchObject({ mark: 'skipped' });
    expect(clockOf('Date: tomorrow')).toMatchObject({ mark: 'skipped' });
    expect(sipDate('Sat, 21 Nov 2026 12:00:00 GMT')).toBe(AT);
    for (const text of [
      '2026-11-21T12:00:00Z',
      'Sat, 99 Nov 2026 12:00:00 GMT',
      'Sat, 21 Nov 2026 12:00:00 CET',
    ]) {
      expect(sipDate(text)).toBeNull();
    }
  });
});
