// Challenges that are made to cost: what one response may have us remember, compute and send is bounded.

import { describe, expect, it } from 'vitest';
import { parseAuthenticationInfo } from '../../../src/core/digest/authentication-info.ts';
import { parseChallenges } from '../../../src/core/digest/challenge.ts';
import { redactMessageText } from '../../../src/core/digest/redaction.ts';
import { challenge, OWN_CONTACT, script } from '../registration/script.ts';

const realms = (count: number, first = 0): readonly string[] =>
  Array.from({ length: count }, (_, at) => `Digest realm="r${first + at}", nonce="n"`);

describe('a response with very many challenges', () => {
  it('R022 is read up to a bound, in one row or in many', () => {
    const inRows = realms(250).map((value) => ({ name: 'WWW-Authenticate', value }));
    const inOne = [{ name: 'WWW-Authenticate', value: realms(250).join(', ') }];
    for (const headers of [inRows, inOne]) {
      const { usable, realms: named } = parseChallenges(headers);
      expect(usable).toHaveLength(16);
      expect(named).toHaveLength(16);
      expect(usable[0]?.realm).toBe('r0');
    }
  });

  it('R022 names a bounded number of unknown algorithms', () => {
    const value = realms(250)
      .map((one) => `${one}, algorithm=FOO`)
      .join(', ');
    expect(parseChallenges([{ name: 'WWW-Authenticate', value }]).unknownAlgorithms).toHaveLength(16);
  });

  it('R022 leaves a bounded number of realms in the requests that follow', () => {
    const play = script();
    play.begin('register');
    for (let answer = 0; answer < 12; answer++) {
      play.answer(401, { 'WWW-Authenticate': realms(16, answer * 16) });
    }
    expect(play.sent.length).toBeGreaterThan(10);
    for (const { rows, text } of play.sent) {
      expect(rows('Authorization').length).toBeLessThanOrEqual(16);
      expect(text.length).toBeLessThan(8_000);
    }
  });
});

describe('a value that would have to be sent back', () => {
  const long = 'x'.repeat(2_049);

  it.each(['realm', 'nonce', 'opaque'])('R022 %s of more than 2,048 characters is no challenge', (name) => {
    const values = { realm: 'r', nonce: 'n', opaque: 'o', [name]: long };
    const value = `Digest ${Object.entries(values)
      .map(([key, text]) => `${key}="${text}"`)
      .join(', ')}`;
    const fits = value.replace(long, long.slice(1));
    const read = (text: string) => parseChallenges([{ name: 'WWW-Authenticate', value: text }]).usable;
    expect(read(value)).toEqual([]);
    expect(read(fits)).toHaveLength(1);
  });

  it('R022 a nextnonce of more than 2,048 characters is none', () => {
    const read = (nonce: string) =>
      parseAuthenticationInfo([{ name: 'Authentication-Info', value: `nextnonce="${nonce}"` }], 'www');
    expect(read(long)?.nextnonce).toBeNull();
    expect(read(long.slice(1))?.nextnonce).toBe(long.slice(1));
  });
});

describe('what a hostile answer leaves in the verdict', () => {
  const causeAfter = (status: number, headers: Record<string, readonly string[]>): string => {
    const play = script();
    play.begin('register');
    play.answer(status, headers);
    const [outcome] = play.outcomes;
    if (outcome?.type !== 'failed') throw new Error('it did not fail');
    return outcome.failure.cause;
  };
  const noise = `${'y'.repeat(300)}\u001b[2J\u202e\u200e\r`;

  it.each<[number, Record<string, readonly string[]>]>([
    [401, { 'WWW-Authenticate': realms(60).map((one) => `${one}, algorithm="FOO ${noise}"`) }],
    [401, { 'WWW-Authenticate': [`Digest realm="${noise}", nonce="n", algorithm=FOO`] }],
    [421, { Require: Array.from({ length: 60 }, (_, at) => `tag${at}${noise}`) }],
    [403, { Warning: Array.from({ length: 50 }, () => `399 pbx "${noise}"`) }],
    [302, { Contact: [noise] }],
    [503, { 'Retry-After': [noise], Warning: [noise] }],
  ])('R022 a %i is told in a bounded and printable text', (status, headers) => {
    const cause = causeAfter(status, headers);
    expect(cause.length).toBeLessThan(900);
    expect(cause).not.toMatch(/[^\x20-\x7e…§ü’“”–—×]/);
  });

  it('a challenge that is fine is answered as before', () => {
    const play = script();
    play.begin('register');
    play.answer(401, { 'WWW-Authenticate': challenge('n1') });
    play.answer(200, { Contact: `<${OWN_CONTACT}>;expires=600` });
    expect(play.outcomes[0]?.type).toBe('registered');
  });
});

describe('white space after a name that is redacted', () => {
  it.each([' ', '\t', '\r ', '\r\n\t', '\\', '"'])(
    'R022 %j, thirty thousand times, costs no time',
    (unit) => {
      const begun = process.cpuUsage();
      const text = redactMessageText(`x: response=${unit.repeat(30_000)},`);
      expect(process.cpuUsage(begun).user / 1000).toBeLessThan(1_000);
      expect(text).toContain('response=');
    },
  );

  it.each(['response= "secret"', 'response =\tsecret', 'rspauth=\r\n secret', 'cnonce%3D \\"secret\\"'])(
    'hides the proof of %j',
    (text) => {
      expect(redactMessageText(`x: a\r\ny: ${text}, b`)).not.toContain('secret');
    },
  );
});
