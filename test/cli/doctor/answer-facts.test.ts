import { describe, expect, it } from 'vitest';
import { answerFacts, type Readable, type Withheld } from '../../../src/cli/doctor/answer-facts.ts';
import { changedVia } from '../../../src/cli/doctor/network-facts.ts';
import type { RegisterQuery } from '../../../src/cli/doctor/register-query.ts';
import type { AccountSnapshot } from '../../../src/core/health/snapshot.ts';
import { failureOf, type VerdictCode } from '../../../src/core/health/verdict.ts';
import type { SipResponse } from '../../../src/core/sip/message.ts';
import { answered, response } from './answers.ts';

const SHA = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"';
const MD5 = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth,auth-int"';
const AKA = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=AKAv1-MD5';
const PASSWORD: Readable = {
  ok: true,
  value: [{ realm: null, username: 'u', secret: 'p' }],
};
const HA1: Readable = {
  ok: true,
  value: [{ realm: null, username: 'u', secret: { MD5: 'a'.repeat(32) } }],
};

type Given = {
  readonly responses: readonly SipResponse[];
  readonly failure?: VerdictCode;
  readonly isAuthorized?: boolean;
  readonly credentials?: Readable;
  readonly withheld?: Withheld | null;
  readonly isRegistered?: boolean;
  readonly warnings?: readonly string[];
};

function factsOf({
  responses,
  failure,
  isAuthorized = false,
  credentials = PASSWORD,
  withheld = null,
  isRegistered = false,
  warnings = [],
}: Given) {
  const snapshot = { account: 'office', target: null, rtt: 0.01, requests: responses.length, auth: null };
  const query: RegisterQuery = {
    outcome:
      failure === undefined
        ? { type: 'listed', bindings: [] }
        : {
            type: 'failed',
            failure: failureOf(failure, 'why', { status: responses.at(-1)?.status ?? null }),
          },
    snapshot: snapshot as unknown as AccountSnapshot,
    responses: responses.map((one) => ({ ...answered(), response: one })),
    isAuthorized,
    warnings,
  };
  const facts = answerFacts(query, credentials, withheld, isRegistered);
  return facts.map(({ code, mark, text, failure: verdict }) => [code, mark, verdict?.code ?? text]);
}

describe('the answer to a REGISTER without Contact', () => {
  it('is taken with the topmost algorithm that the account can answer', () => {
    expect(factsOf({ responses: [response(401, AKA, SHA, MD5), response(200)], isAuthorized: true })).toEqual(
      [
        ['register.answer', 'ok', '200 Reason after 2 requests'],
        [
          'digest.offered',
          'ok',
          'SHA-256 (qop auth) for realm "r"; MD5 (qop auth, auth-int) for realm "r"; AKAv1-MD5 (realm "r"), which sipreg does not know',
        ],
        ['digest.choice', 'ok', 'SHA-256 (qop auth) for realm "r": the topmost that the account can answer'],
        ['auth.credentials', 'ok', 'accepted'],
      ],
    );
    const [, , choice] = factsOf({ responses: [response(401, SHA, MD5), response(200)], credentials: HA1 });
    expect(choice?.[2]).toMatch(/^MD5 /);
  });

  it('is one without any challenge where the registrar trusts the address', () => {
    expect(factsOf({ responses: [response(200)] })).toEqual([
      ['register.answer', 'ok', '200 Reason after 1 request'],
      ['digest.offered', 'ok', 'none: the registrar answered without asking for credentials'],
      ['auth.credentials', 'skipped', 'the registrar did not ask for any'],
    ]);
  });

  it('rejects the credentials, which is an answer all the same', () => {
    const facts = factsOf({
      responses: [response(401, MD5), response(401, MD5)],
      failure: 'auth.rejected',
      isAuthorized: true,
    });
    expect(facts.map(([code, mark]) => `${code} ${mark}`)).toEqual([
      'register.answer ok',
      'digest.offered ok',
      'digest.choice ok',
      'auth.credentials fail',
    ]);
  });

  it('offers nothing that the account can answer', () => {
    const facts = factsOf({
      responses: [response(401, SHA)],
      failure: 'auth.no-algorithm',
      credentials: HA1,
    });
    expect(facts.slice(2)).toEqual([
      ['digest.choice', 'fail', 'auth.no-algorithm'],
      ['auth.credentials', 'skipped', 'needs a challenge that the account can answer'],
    ]);
  });

  it('does not come, or is a refusal: what depends on it is skipped', () => {
    expect(factsOf({ responses: [], failure: 'register.timeout' })).toEqual([
      ['register.answer', 'fail', 'register.timeout'],
      ['digest.offered', 'skipped', 'needs a challenge'],
      ['auth.credentials', 'skipped', 'needs an answer to them'],
    ]);
    expect(factsOf({ responses: [response(404)], failure: 'register.not-found' })[0]?.[2]).toBe(
      'register.not-found',
    );
  });

  it('is refused by registrars that know no question', () => {
    const refused = { responses: [response(400)], failure: 'register.rejected' } as const;
    expect(factsOf(refused)[0]).toEqual(['register.answer', 'fail', 'register.rejected']);
    expect(factsOf({ ...refused, isRegistered: true })[0]).toEqual([
      'register.answer',
      'warn',
      'register.rejected',
    ]);
  });

  it('is a 403, which says nothing against credentials that the agent is registered with', () => {
    const refused = { responses: [response(401, MD5), response(403)], failure: 'auth.rejected' } as const;
    expect(factsOf(refused).at(-1)).toEqual(['auth.credentials', 'fail', 'auth.rejected']);
    expect(factsOf({ ...refused, isRegistered: true }).at(-1)?.[1]).toBe('warn');
    const wrong = { ...refused, responses: [response(401, MD5), response(401, MD5)] };
    expect(factsOf({ ...wrong, isRegistered: true }).at(-1)?.[1]).toBe('fail');
  });

  it('comes changed, which is no silence', () => {
    const changed = response(200, 'Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKdoctor');
    const [fact, ...others] = factsOf({ responses: [changed], failure: 'register.timeout', warnings: ['w'] });
    expect(fact).toEqual(['register.answer', 'fail', 'register.timeout']);
    expect(others.at(-1)).toEqual(['register.answer', 'warn', 'w']);
    const query = { responses: [{ ...answered(), response: changed }] };
    expect(changedVia(query.responses)).toContain('SIP ALG');
  });

  it('does not try credentials that were rejected before, and says so', () => {
    const withheld: Withheld = { type: 'rejected', failure: failureOf('auth.rejected', 'the agent gave up') };
    const facts = factsOf({ responses: [response(401, MD5)], failure: 'auth.no-credentials', withheld });
    expect(facts[0]?.[1]).toBe('ok');
    expect(facts[3]).toEqual(['auth.credentials', 'fail', 'auth.rejected']);
  });

  it('cannot try a secret that cannot be read', () => {
    const credentials: Readable = { ok: false, error: failureOf('secret.unreadable', 'no file') };
    const withheld: Withheld = { type: 'unreadable' };
    const facts = factsOf({
      responses: [response(401, MD5)],
      failure: 'auth.no-credentials',
      credentials,
      withheld,
    });
    expect(facts.slice(2)).toEqual([
      ['digest.choice', 'skipped', 'needs credentials'],
      ['auth.credentials', 'skipped', 'needs a secret that can be read'],
    ]);
  });
});
