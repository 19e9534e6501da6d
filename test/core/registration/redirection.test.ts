// Redirections: where a round follows, and where not (RFC 3261 §8.1.3.4).

import { describe, expect, it } from 'vitest';
import { granted, openings, script, uri } from './script.ts';

describe('a redirection', () => {
  it('R050 R051 R052 R185 R186 is followed to the best new place, with the same identity', () => {
    const line = script();
    line.begin();
    const first = line.request();
    line.answer(302, {
      Contact: [
        '<sip:pbx.example.com>;q=1.0',
        '<sip:low.example.com>;q=0.2, <sip:u@best.example.com;method=INVITE;transport=tcp;line=7?Route=%3Csip:evil.example%3E&From=x&X=y>;q=0.9',
        '<tel:+123>;q=1',
        '<sip:odd.example.com>;q=high',
      ],
    });
    const second = line.request();
    expect(second.message.uri).toBe('sip:best.example.com;transport=tcp;line=7');
    for (const name of ['To', 'From', 'Call-ID']) expect(second.row(name)).toBe(first.row(name));
    expect(second.cseq).toBe(first.cseq + 1);
    expect(second.message.headers.map(({ name }) => name)).toEqual(
      first.message.headers.map(({ name }) => name),
    );
  });

  it.each([
    ['R050 back to where we were', 302, { Contact: '<sip:PBX.example.com>' }, 'where we have been'],
    ['R390 from sips to sip', 301, { Contact: '<sip:a.example>' }, 'sips to sip'],
    ['nowhere', 300, {}, 'no contact'],
    ['to a proxy', 305, { Contact: '<sip:a.example>' }, 'this kind'],
    ['to another service', 380, { Contact: '<sip:a.example>' }, 'this kind'],
  ])('%s ends the round', (name, status, headers, cause) => {
    const line = script(name.includes('sips') ? { plan: { registrar: uri('sips:pbx.example.com') } } : {});
    line.begin();
    line.answer(status, headers as Readonly<Record<string, string>>);
    expect(line.failure()).toMatchObject({ code: 'register.redirected', status });
    expect(line.failure()?.cause).toContain(cause);
  });

  it('R045 of an unknown kind counts as 300', () => {
    const line = script();
    line.begin();
    line.answer(399, { Contact: '<sip:a.example>' });
    expect(line.sent.length).toBe(2);
  });

  it('is followed five times', () => {
    const line = script();
    line.begin();
    for (let hop = 0; hop < 9 && line.outcomes.length === 0; hop++)
      line.answer(302, { Contact: `<sip:h${hop}.example>` });
    expect(line.sent.length).toBe(6);
    expect(line.failure()?.cause).toContain('redirection 6');
  });

  it('is told when what comes after it fails, by its places alone', () => {
    const line = script();
    line.begin();
    line.answer(302, { Contact: '<sip:u:pass@there.example.com:5070;transport=tcp;token=abc>' });
    line.answer(404);
    const cause = line.failure()?.cause ?? '';
    expect(cause).toContain('404');
    expect(cause).toMatch(/; a redirection led from sip:pbx\.example\.com to sip:there\.example\.com:5070$/);

    line.begin();
    line.answer(404);
    expect(line.failure()?.cause).not.toContain('redirection');
  });

  it('R053 with 302 holds once: the refresh asks at the first place again', () => {
    const line = script();
    line.begin();
    line.answer(302, { Contact: '<sip:other.example.com>' });
    line.answer(200, granted(60));
    line.pass(30_000);
    expect(line.sent.map(({ message }) => message.uri)).toEqual([
      'sip:pbx.example.com',
      'sip:other.example.com',
      'sip:pbx.example.com',
    ]);
    expect(openings(line).length).toBe(3);
  });
});
