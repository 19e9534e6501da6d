// Credentials at the registrar, made by the client's side of core/digest.

import { describe, expect, it } from 'vitest';
import { parseAuthenticationInfo } from '../../src/core/digest/authentication-info.ts';
import { parseChallenges } from '../../src/core/digest/challenge.ts';
import { type DigestSession, renewNonce } from '../../src/core/digest/session.ts';
import { sizeOf } from '../../src/registrar/expiring-table.ts';
import type { AuthenticationSettings } from '../../src/registrar/settings.ts';
import { authorized, type Driver, drive, register, sessionFor, testSettings, values } from './driver.ts';

function registrarWith(chosen: Partial<AuthenticationSettings> = {}): Driver {
  const { authentication, ...settings } = testSettings();
  if (authentication === null) throw new Error('the settings authenticate');
  return drive({ ...settings, authentication: { ...authentication, ...chosen } });
}

/** A registrar that has accepted one REGISTER (CSeq 2) of alice, and her session after it. */
function registered(chosen?: Partial<AuthenticationSettings>): {
  readonly registrar: Driver;
  readonly session: DigestSession;
} {
  const registrar = registrarWith(chosen);
  const challenged = registrar.send(register());
  const { request, session } = authorized(register({ cseq: 2 }), sessionFor(challenged), registrar);
  const response = registrar.send(request);
  if (response.status !== 200) throw new Error(`not registered: ${response.status}`);
  const next = parseAuthenticationInfo(response.headers, 'www')?.nextnonce ?? null;
  return { registrar, session: next === null ? session : renewNonce(session, next) };
}

describe('challenges', () => {
  it('come one for each algorithm, in order, with one nonce and qop auth', () => {
    const response = registrarWith().send(register());
    expect(response.status).toBe(401);
    const { usable } = parseChallenges(response.headers);
    expect(usable).toMatchObject([
      { realm: 'example.test', algorithm: 'SHA-256', qop: ['auth'], stale: false },
      { realm: 'example.test', algorithm: 'MD5', qop: ['auth'], stale: false },
    ]);
    expect(new Set(usable.map(({ nonce }) => nonce)).size).toBe(1);
  });

  it('have a new nonce each', () => {
    const registrar = registrarWith();
    const [first, second] = [registrar.send(register()), registrar.send(register())].map(
      (response) => sessionFor(response).nonce,
    );
    expect(first).not.toBe(second);
  });

  it('do not tell whether a user exists', () => {
    const registrar = registrarWith();
    expect(registrar.send(register({ user: 'carol' })).status).toBe(401);
  });
});

describe('credentials', () => {
  it.each(['SHA-256', 'MD5'] as const)('with %s are accepted', (algorithm) => {
    const registrar = registrarWith({ algorithms: [algorithm] });
    const session = sessionFor(registrar.send(register()), algorithm);
    expect(registrar.send(authorized(register({ cseq: 2 }), session, registrar).request).status).toBe(200);
    expect(registrar.bound()).toHaveLength(1);
  });

  it.each([
    ['a wrong password', { username: 'alice', password: 'looking-glass' }],
    ['an unknown user', { username: 'carol', password: 'wonderland' }],
  ])('with %s get a new challenge that is not stale', (_what, credential) => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    const wrong = authorized(register({ cseq: 2 }), session, registrar, credential).request;
    const response = registrar.send(wrong);
    expect(response.status).toBe(401);
    expect(sessionFor(response)).not.toMatchObject({ nonce: session.nonce });
    expect(values(response, 'WWW-Authenticate').join()).not.toContain('stale');
    expect(registrar.bound()).toEqual([]);
  });

  it.each([
    [
      'an algorithm that was not offered',
      { algorithm: 'SHA-512-256', algorithmText: 'SHA-512-256' } as const,
    ],
    ['a -sess algorithm', { session: true, algorithmText: 'SHA-256-sess' }],
    ['qop auth-int', { qop: 'auth-int' } as const],
    ['another realm', { realm: 'elsewhere.test' }],
    ['userhash', { userhash: true }],
  ])('with %s, which was not asked for, get a challenge', (_what, change) => {
    const registrar = registrarWith();
    const offered = sessionFor(registrar.send(register()));
    const session = { ...offered, terms: { ...offered.terms, ...change } };
    expect(registrar.send(authorized(register({ cseq: 2 }), session, registrar).request).status).toBe(401);
    expect(registrar.bound()).toEqual([]);
  });

  it('of one user are good for no other: 403', () => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    const request = authorized(register({ cseq: 2, user: 'bob' }), session, registrar).request;
    expect(registrar.send(request).status).toBe(403);
    expect(registrar.bound('bob')).toEqual([]);
  });

  it('for somebody who does not exist end in 404', () => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    const request = authorized(register({ cseq: 2, user: 'carol' }), session, registrar).request;
    expect(registrar.send(request).status).toBe(404);
  });

  it('for another Request-URI are refused with 400', () => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    const { request } = authorized(register({ cseq: 2, uri: 'sip:elsewhere.test' }), session, registrar);
    expect(registrar.send({ ...request, uri: 'sip:example.test' }).status).toBe(400);
  });

  it('are found among those for other realms', () => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    const other = { ...session, terms: { ...session.terms, realm: 'elsewhere.test' } };
    const twice = authorized(authorized(register({ cseq: 2 }), other, registrar).request, session, registrar);
    expect(registrar.send(twice.request).status).toBe(200);
  });
});

describe('nonces', () => {
  it('serve for later requests as long as the count rises', () => {
    const { registrar, session } = registered();
    expect(registrar.send(authorized(register({ cseq: 3 }), session, registrar).request).status).toBe(200);
  });

  it('with a count that was seen get a stale challenge', () => {
    const { registrar, session } = registered();
    const replayed = { ...session, nonceCount: session.nonceCount - 1 };
    const response = registrar.send(authorized(register({ cseq: 3 }), replayed, registrar).request);
    expect(response.status).toBe(401);
    expect(sessionFor(response).nonce).not.toBe(session.nonce);
    expect(parseChallenges(response.headers).usable[0]?.stale).toBe(true);
  });

  it('that are too old get a stale challenge, counted from when they were given out', () => {
    const { registrar, session } = registered({ nonceLifetimeMs: 10_000 });
    registrar.wait(9.999);
    const inTime = authorized(register({ cseq: 3 }), session, registrar);
    expect(registrar.send(inTime.request).status).toBe(200);
    registrar.wait(0.001);
    const late = registrar.send(authorized(register({ cseq: 4 }), inTime.session, registrar).request);
    expect([late.status, parseChallenges(late.headers).usable[0]?.stale]).toEqual([401, true]);
  });

  it('that are too old are not stale but wrong with a wrong password', () => {
    const { registrar, session } = registered({ nonceLifetimeMs: 10_000 });
    registrar.wait(10);
    const wrong = { username: 'alice', password: 'looking-glass' };
    const response = registrar.send(authorized(register({ cseq: 3 }), session, registrar, wrong).request);
    expect([response.status, parseChallenges(response.headers).usable[0]?.stale]).toEqual([401, false]);
  });

  it('that nobody gave out get a stale challenge', () => {
    const registrar = registrarWith();
    const session = { ...sessionFor(registrar.send(register())), nonce: 'invented' };
    const response = registrar.send(authorized(register({ cseq: 2 }), session, registrar).request);
    expect([response.status, parseChallenges(response.headers).usable[0]?.stale]).toEqual([401, true]);
  });

  it('without qop (RFC 2069) serve once', () => {
    const registrar = registrarWith();
    const session = { ...sessionFor(registrar.send(register())), qop: null };
    expect(registrar.send(authorized(register({ cseq: 2 }), session, registrar).request).status).toBe(200);
    expect(registrar.send(authorized(register({ cseq: 3 }), session, registrar).request).status).toBe(401);
  });

  it('follow each other by nextnonce, and the old one is used up', () => {
    const { registrar, session } = registered({ nextNonce: true });
    const { request } = authorized(register({ cseq: 3 }), session, registrar);
    expect(registrar.send(request).status).toBe(200);
    const again = authorized(register({ cseq: 4 }), { ...session, nonceCount: 7 }, registrar).request;
    expect(registrar.send(again).status).toBe(401);
  });

  it('are bounded, and the forgotten ones only stale', () => {
    const registrar = registrarWith();
    const session = sessionFor(registrar.send(register()));
    for (let count = 0; count < 20_000; count++) registrar.send(register());
    expect(sizeOf(registrar.state().nonces)).toBeLessThanOrEqual(16_384);
    expect(sizeOf(registrar.state().answers)).toBeLessThanOrEqual(4096);
    const response = registrar.send(authorized(register({ cseq: 2 }), session, registrar).request);
    expect([response.status, parseChallenges(response.headers).usable[0]?.stale]).toEqual([401, true]);
  });
});
