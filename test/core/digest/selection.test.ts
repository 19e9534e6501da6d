// Which challenge is answered with which credentials (RFC 8760 §2.4, behaviour.md §7).

import { describe, expect, it } from 'vitest';
import type { Credential, DigestAlgorithm, DigestPolicy } from '../../../src/core/digest/algorithm.ts';
import { parseChallenges } from '../../../src/core/digest/challenge.ts';
import { selectAnswers, selectCredential } from '../../../src/core/digest/selection.ts';

const password = (realm: string | null, username = 'alice'): Credential => ({
  realm,
  username,
  secret: 'secret',
});
const ha1 = (realm: string | null, ...algorithms: readonly DigestAlgorithm[]): Credential => ({
  realm,
  username: 'alice',
  secret: Object.fromEntries(algorithms.map((algorithm) => [algorithm, 'a'.repeat(32)])),
});

/** Challenges as rows: "www realm algorithm" or "proxy realm algorithm". */
function offered(...rows: readonly string[]) {
  return parseChallenges(
    rows.map((row) => {
      const [kind, realm, algorithm] = row.split(' ');
      const name = kind === 'www' ? 'WWW-Authenticate' : 'Proxy-Authenticate';
      return { name, value: `Digest realm="${realm}", nonce="n", qop="auth", algorithm=${algorithm}` };
    }),
  ).usable;
}

function chosen(rows: readonly string[], credentials: readonly Credential[]): readonly string[] {
  return selectAnswers(offered(...rows), credentials).answers.map(
    ({ challenge: { kind, realm, algorithm } }) => `${kind} ${realm} ${algorithm}`,
  );
}

describe('selectAnswers', () => {
  it('R282 takes the topmost challenge of a realm', () => {
    expect(chosen(['www r SHA-256', 'www r MD5'], [password(null)])).toEqual(['www r SHA-256']);
    expect(chosen(['www r MD5', 'www r SHA-256'], [password(null)])).toEqual(['www r MD5']);
  });

  it('R256 R283 passes over an unknown algorithm at the top', () => {
    expect(chosen(['www r AKAv2-MD5', 'www r SHA-512-256', 'www r MD5'], [password(null)])).toEqual([
      'www r SHA-512-256',
    ]);
  });

  it('R273 answers with an HA1 only the algorithm that it was made with', () => {
    expect(chosen(['www r SHA-256', 'www r MD5'], [ha1(null, 'MD5')])).toEqual(['www r MD5']);
    expect(chosen(['www r SHA-256', 'www r MD5'], [ha1(null, 'MD5', 'SHA-256')])).toEqual(['www r SHA-256']);
    expect(selectAnswers(offered('www r SHA-256'), [ha1(null, 'MD5')])).toEqual({
      answers: [],
      unanswered: [{ realm: 'r', why: 'no-algorithm' }],
    });
  });

  it('R197 R284 answers each realm that it has credentials for, and names the others', () => {
    const selection = selectAnswers(offered('www a MD5', 'www b MD5', 'proxy c MD5', 'www b SHA-256'), [
      password('a'),
      password('c', 'carol'),
    ]);
    expect(
      selection.answers.map(({ challenge, credential }) => [challenge.realm, credential.username]),
    ).toEqual([
      ['a', 'alice'],
      ['c', 'carol'],
    ]);
    expect(selection.unanswered).toEqual([{ realm: 'b', why: 'no-credentials' }]);
  });

  it('R193 answers the registrar and a proxy of the same realm together', () => {
    expect(chosen(['www r MD5', 'proxy r SHA-256', 'proxy r MD5'], [password('r')])).toEqual([
      'www r MD5',
      'proxy r SHA-256',
    ]);
  });

  it('prefers credentials for the exact realm, also when they stand last or fit less', () => {
    const credentials = [password(null, 'anybody'), password('r', 'exact')];
    expect(selectAnswers(offered('www r MD5'), credentials).answers[0]?.credential.username).toBe('exact');
    expect(selectAnswers(offered('www other MD5'), credentials).answers[0]?.credential.username).toBe(
      'anybody',
    );
    expect(chosen(['www r SHA-256', 'www r MD5'], [password(null), ha1('r', 'MD5')])).toEqual(['www r MD5']);
  });

  it.each([
    [
      'R287 skips what the policy forbids for what stands below',
      ['www r MD5', 'www r SHA-256'],
      ['www r SHA-256'],
    ],
    ['R287 answers nothing that the policy forbids', ['www r MD5'], []],
  ])('%s', (_, challenges, expected) => {
    const policy = { algorithms: ['SHA-256', 'SHA-512-256'], needsQop: false } as const;
    expect(chosen(challenges, [{ ...password(null), policy }])).toEqual(expected);
  });

  it('R287 says of a realm that it is the policy that forbids it, and not the secret', () => {
    const policy = { algorithms: ['SHA-256'], needsQop: false } as const;
    const why = (credential: Credential) => selectAnswers(offered('www r MD5'), [credential]).unanswered;
    expect(why({ ...password(null), policy })).toEqual([{ realm: 'r', why: 'forbidden' }]);
    expect(why({ ...ha1('r', 'SHA-256'), policy })).toEqual([{ realm: 'r', why: 'no-algorithm' }]);
  });

  it('R287 says nothing of the policy of credentials that do not count, because others name the realm', () => {
    const policy = { algorithms: ['SHA-256'], needsQop: false } as const;
    const credentials = [{ ...password(null), policy }, ha1('r', 'SHA-256')];
    const { unanswered } = selectAnswers(offered('www r MD5'), credentials);
    expect(unanswered).toEqual([{ realm: 'r', why: 'no-algorithm' }]);
  });

  it('has nothing to say without challenges', () => {
    expect(selectAnswers([], [password(null)])).toEqual({ answers: [], unanswered: [] });
  });
});

describe('selectCredential', () => {
  it('finds what a kept session is answered with, and null after the secret no longer fits', () => {
    const session = { realm: 'r', algorithm: 'SHA-256', qop: 'auth' } as const;
    expect(selectCredential(session, [password('x'), password('r', 'bob')])?.username).toBe('bob');
    expect(selectCredential(session, [ha1('r', 'MD5')])).toBeNull();
    expect(selectCredential(session, [])).toBeNull();
  });

  it('R287 is null for a kept session that the policy forbids by now', () => {
    const session = { realm: 'r', algorithm: 'MD5', qop: null } as const;
    const under = (policy: DigestPolicy) => selectCredential(session, [{ ...password('r'), policy }]);
    expect(under({ algorithms: ['MD5'], needsQop: false })).not.toBeNull();
    expect(under({ algorithms: ['MD5'], needsQop: true })).toBeNull();
    expect(under({ algorithms: ['SHA-256'], needsQop: false })).toBeNull();
  });
});
