// One round as a transcript: what goes out, what comes back, how it ends.

import { describe, expect, it } from 'vitest';
import { challenge, granted, OWN_CONTACT, script } from './script.ts';

describe('a round', () => {
  it('R031 R109 R194 answers a challenge with the next CSeq, a new branch and the same Call-ID', () => {
    const line = script();
    line.begin();
    const first = line.request();
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    const second = line.request();
    expect([first.cseq, second.cseq]).toEqual([1, 2]);
    expect(second.branch).not.toBe(first.branch);
    for (const name of ['Call-ID', 'From', 'To']) expect(second.row(name)).toBe(first.row(name));
    line.answer(200, granted(300));
    expect(line.outcome()).toMatchObject({
      type: 'registered',
      binding: { contact: OWN_CONTACT, grantedSeconds: 300, source: 'contact', matchedBy: 'uri' },
    });
    line.silence();
  });
});
