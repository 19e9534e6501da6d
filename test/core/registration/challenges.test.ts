// Challenges, nonces and rejections in the course of rounds (behaviour.md §7-10).

import { describe, expect, it } from 'vitest';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import { computeHa1 } from '../../../src/core/digest/response.ts';
import { parseAuthorization, verifyAuthorization } from '../../../src/core/digest/verification.ts';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { NO_BODY } from '../../../src/core/sip/message.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import {
  ALICE,
  challenge,
  FIRST,
  granted,
  OWN_CONTACT,
  type Script,
  SECOND,
  type SeenRequest,
  script,
} from './script.ts';

const NEW_SECRET: Credential = { ...ALICE, secret: 'changed' };

const answerOf = (request: SeenRequest) => parseAuthorization(request.row('Authorization'));

function isFrom(request: SeenRequest, { username, secret }: Credential): boolean {
  const authorization = answerOf(request);
  return (
    authorization !== null &&
    verifyAuthorization({ authorization, username, secret, method: 'REGISTER', body: NO_BODY }, nodeHash)
  );
}

/** Answers with a 401. */
function challenged(line: Script, nonce: string, more = ''): void {
  line.answer(401, { 'WWW-Authenticate': challenge(nonce, more) });
}

/** A line that is registered with the nonce "kept", used once. */
function registeredLine(setting: Parameters<typeof script>[0] = {}): Script {
  const line = script(setting);
  line.begin();
  line.request();
  challenged(line, 'kept');
  line.request();
  line.answer(200, granted(60));
  line.pass(30_000);
  return line;
}

describe('a nonce', () => {
  it('R196 R265 is kept for the refresh, with the next count', () => {
    const line = registeredLine();
    const refresh = line.request();
    expect(answerOf(refresh)).toMatchObject({ nonce: 'kept', protection: { nc: '00000002' } });
    expect(isFrom(refresh, ALICE)).toBe(true);
  });

  it('R266 R278 gives way to nextnonce, and the count starts again', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.answer(200, { ...granted(60), 'Authentication-Info': 'nextnonce="n2"' });
    line.pass(30_000);
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({
      nonce: 'n2',
      protection: { nc: '00000001' },
    });
  });

  it('R195 R259 T5 that is stale is answered anew, at most three times in a row', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    for (const nonce of ['n2', 'n3', 'n4']) challenged(line, nonce, ', stale=TRUE');
    expect(line.sent.length).toBe(5);
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({
      nonce: 'n4',
      protection: { nc: '00000001' },
    });
    challenged(line, 'n5', ', stale=true');
    expect(line.failure()?.code).toBe('auth.looping');
    expect(line.sent.length).toBe(5);
  });

  it('R265 that comes again, stale or not, goes on counting', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n1', ', stale=true');
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({
      nonce: 'n1',
      protection: { nc: '00000002' },
    });
  });

  it('kept from an earlier round is worth one free retry without stale', () => {
    const line = registeredLine();
    challenged(line, 'fresh');
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({ nonce: 'fresh' });
    line.answer(200, granted(60));
    expect(line.state()).toBe('registered');
  });

  it('R195 kept and refused as it is, is a rejection', () => {
    const line = registeredLine();
    challenged(line, 'kept');
    expect(line.failure()?.code).toBe('auth.rejected');
  });

  it('of one target is no rejection at the next', () => {
    const line = registeredLine({ targets: [FIRST, SECOND] });
    line.answer(503);
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({
      nonce: 'kept',
      protection: { nc: '00000003' },
    });
    challenged(line, 'second');
    expect(line.failure()).toBeNull();
    line.answer(200, granted(60));
    expect(line.state()).toBe('registered');
  });

  it('of the first place is not shown where a redirection leads', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.answer(302, { Contact: '<sip:other.example.com>' });
    expect(line.sent.at(-1)?.rows('Authorization')).toEqual([]);
    challenged(line, 'n2');
    line.answer(200, granted(60));
    expect(line.state()).toBe('registered');
  });
});

describe('credentials', () => {
  it('R195 that are wrong cost two REGISTERs, never three', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n2');
    expect(line.sent.length).toBe(2);
    expect(line.failure()).toMatchObject({ code: 'auth.rejected', status: 401 });
    expect(line.failure()?.cause).toContain('"example.com"');
  });

  it('that are wrong with a kept nonce cost two REGISTERs', () => {
    const line = registeredLine();
    const before = line.sent.length - 1;
    challenged(line, 'n1');
    challenged(line, 'n2');
    expect(line.sent.length - before).toBe(2);
    expect(line.failure()?.code).toBe('auth.rejected');
    line.begin();
    expect(line.sent.at(-1)?.rows('Authorization')).toEqual([]);
  });

  it('are read again before a rejection counts, and tried once when they changed', () => {
    const line = script({ secrets: [NEW_SECRET] });
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n2');
    const third = line.sent.at(-1) as SeenRequest;
    expect(line.sent.length).toBe(3);
    expect([isFrom(third, ALICE), isFrom(third, NEW_SECRET)]).toEqual([false, true]);
    expect(answerOf(third)).toMatchObject({ nonce: 'n2', protection: { nc: '00000001' } });
    challenged(line, 'n3');
    expect(line.sent.length).toBe(3);
    expect(line.failure()?.code).toBe('auth.rejected');
    expect(line.effects.filter(({ type }) => type === 'readSecret').length).toBe(1);
  });

  it('R265 that changed do not use a count of the same nonce twice', () => {
    const line = script({ secrets: [NEW_SECRET] });
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n1');
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({
      nonce: 'n1',
      protection: { nc: '00000002' },
    });
  });

  it('that cannot be read again stay rejected, and both is told', () => {
    const line = script({ manual: ['readSecret'] });
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n2');
    line.step({ type: 'secretFailed', failure: failureOf('secret.unreadable', 'the file is gone') });
    expect(line.failure()?.code).toBe('auth.rejected');
    expect(line.failure()?.cause).toContain('the file is gone');
    expect(line.lifecycle().setbacks.rejections).toBe(1);
  });

  it('that are never read again are rejected when the time is over, and not shown again', () => {
    const line = script({ manual: ['readSecret'] });
    line.begin('register', line.now() + 40_000);
    challenged(line, 'n1');
    challenged(line, 'n2');
    line.pass(40_000);
    expect(line.failure()?.code).toBe('auth.rejected');
    expect(line.registration().sessions).toEqual([]);
    line.step({ type: 'secretRead', credentials: [NEW_SECRET] });
    expect(line.sent.length).toBe(2);
  });

  it('are tried although somebody else saw first that they had changed', () => {
    const line = script({ manual: ['readSecret'] });
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n2');
    line.step({ type: 'secretChanged', credentials: [NEW_SECRET] });
    line.step({ type: 'secretRead', credentials: [NEW_SECRET] });
    expect(isFrom(line.sent.at(-1) as SeenRequest, NEW_SECRET)).toBe(true);
  });

  it('R202 R285 that are missing are named with the realm, and read again first', () => {
    const line = script({ beginnings: { credentials: [] }, secrets: [] });
    line.begin();
    challenged(line, 'n1');
    expect(line.failure()).toMatchObject({ code: 'auth.no-credentials', status: 401 });
    expect(line.failure()?.cause).toContain('"example.com"');
    expect(line.state()).toBe('blocked');
    const late = script({ beginnings: { credentials: [] } });
    late.begin();
    challenged(late, 'n1');
    expect(isFrom(late.sent.at(-1) as SeenRequest, ALICE)).toBe(true);
  });

  it('are not there any more when the new secret has none for the realm', () => {
    const line = script({ secrets: [{ ...ALICE, realm: 'elsewhere' }] });
    line.begin();
    challenged(line, 'n1');
    challenged(line, 'n2');
    expect(line.failure()?.code).toBe('auth.no-credentials');
  });

  it('R204 R273 as an MD5 HA1 do not answer SHA-256', () => {
    const md5 = computeHa1(
      { algorithm: 'MD5', username: 'alice', realm: 'example.com', password: 'open sesame' },
      nodeHash,
    );
    const credential: Credential = { ...ALICE, secret: { MD5: md5 } };
    const setting = { beginnings: { credentials: [credential] }, secrets: [credential] };
    const sha = challenge('n1').replace('MD5', 'SHA-256');
    const line = script(setting);
    line.begin();
    line.answer(401, { 'WWW-Authenticate': sha });
    expect(line.failure()).toMatchObject({ code: 'auth.no-algorithm' });
    expect(line.failure()?.cause).toMatch(/offers only SHA-256 \(realm "example.com"\)$/);
    const both = script(setting);
    both.begin();
    both.answer(401, { 'WWW-Authenticate': [sha, challenge('n2')] });
    expect(isFrom(both.sent.at(-1) as SeenRequest, credential)).toBe(true);
  });

  it('R198 R283 T6 are not for Basic and unknown algorithms, which are named', () => {
    const line = script();
    line.begin();
    line.answer(401, {
      'WWW-Authenticate': ['Basic realm="b"', 'Digest realm="x", nonce="n", algorithm=FOO-9'],
    });
    expect(line.failure()).toMatchObject({ code: 'auth.no-algorithm' });
    expect(line.failure()?.cause).toMatch(/ and offers only basic \(realm "b"\), FOO-9 \(realm "x"\)$/);
    expect(line.failure()?.advice).toContain('ask the provider');
  });

  it('are not to blame when a 401 brings no challenge at all', () => {
    const line = script();
    line.begin();
    line.answer(401);
    expect(line.failure()?.cause).toContain('no Digest challenge that can be used');
  });

  it('R282 T6 answer the topmost of two algorithms', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': [challenge('sha').replace('MD5', 'SHA-256'), challenge('md5')] });
    expect(answerOf(line.sent.at(-1) as SeenRequest)).toMatchObject({ algorithm: 'SHA-256', nonce: 'sha' });
  });

  it('T7 take auth of "auth,auth-int"', () => {
    const line = script();
    line.begin();
    line.answer(401, { 'WWW-Authenticate': challenge('n1').replace('"auth"', '"auth,auth-int"') });
    expect(answerOf(line.sent.at(-1) as SeenRequest)?.protection?.qop).toBe('auth');
  });

  it('T20 may be an empty password', () => {
    const anonymous: Credential = {
      realm: null,
      username: 'anonymous@t-online.de',
      secret: '',
    };
    const line = script({ beginnings: { credentials: [anonymous] } });
    line.begin();
    challenged(line, 'n1');
    expect(isFrom(line.sent.at(-1) as SeenRequest, anonymous)).toBe(true);
  });

  it('are not offered to ever new realms for ever', () => {
    const line = script();
    line.begin();
    for (let realm = 0; realm < 30 && line.outcomes.length === 0; realm++) {
      line.answer(401, {
        'WWW-Authenticate': challenge(`n${realm}`).replace('example.com', `realm-${realm}`),
      });
    }
    expect(line.failure()?.code).toBe('auth.looping');
    expect(line.sent.length).toBe(16);
  });
});

describe('a 403', () => {
  it('to credentials that never worked is a rejection', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.answer(403, {}, { reason: 'Forbidden' });
    expect(line.failure()).toMatchObject({ code: 'auth.rejected', status: 403, reason: 'Forbidden' });
  });

  it('T9 starts from the beginning with a secret that changed', () => {
    const line = script({ secrets: [NEW_SECRET] });
    line.begin();
    challenged(line, 'n1');
    line.answer(403);
    expect(line.sent.at(-1)?.rows('Authorization')).toEqual([]);
    challenged(line, 'n2');
    expect(isFrom(line.sent.at(-1) as SeenRequest, NEW_SECRET)).toBe(true);
    line.answer(200, granted(60));
    expect(line.state()).toBe('registered');
  });

  it('without credentials, or to credentials that worked, forbids and rejects nothing', () => {
    const line = script();
    line.begin();
    line.answer(403);
    expect(line.failure()?.code).toBe('register.forbidden');
    const worked = registeredLine();
    worked.answer(403);
    expect(worked.failure()?.code).toBe('register.forbidden');
    expect(worked.registration().sessions.length).toBe(1);
  });
});

describe('the proof of the registrar', () => {
  const register = (rspauth: string): Script => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    line.answer(200, {
      ...granted(60, OWN_CONTACT),
      'Authentication-Info': `rspauth="${rspauth}", qop=auth`,
    });
    return line;
  };

  it('R279 R280 that is wrong is told, and fails nothing', () => {
    const line = register('0123456789abcdef0123456789abcdef');
    expect(line.state()).toBe('registered');
    expect(line.warnings()).toEqual([expect.stringContaining('rspauth')]);
  });

  it('R279 that is right is not worth a word', () => {
    const line = script();
    line.begin();
    challenged(line, 'n1');
    const { nonce = '', protection = null } = answerOf(line.sent.at(-1) as SeenRequest) ?? {};
    const hash = (text: string): string => nodeHash('MD5', text);
    const ha1 = hash('alice:example.com:open sesame');
    const a2 = hash(':sip:pbx.example.com');
    const rspauth = hash(`${ha1}:${nonce}:${protection?.nc}:${protection?.cnonce}:auth:${a2}`);
    line.answer(200, { ...granted(60), 'Authentication-Info': `rspauth="${rspauth}", nextnonce="n2"` });
    expect(line.warnings()).toEqual([]);
    expect(line.state()).toBe('registered');
  });

  it('is not looked at for a realm whose credentials are gone', () => {
    const forProxy: Credential = { ...ALICE, realm: 'proxy' };
    const line = script({
      beginnings: { credentials: [forProxy, { ...ALICE, realm: 'example.com' }] },
      secrets: [{ ...NEW_SECRET, realm: 'example.com' }],
    });
    line.begin();
    line.answer(407, { 'Proxy-Authenticate': challenge('p1').replace('example.com', 'proxy') });
    challenged(line, 'n1');
    challenged(line, 'n2');
    const last = line.sent.at(-1) as SeenRequest;
    expect(last.rows('Proxy-Authorization')).toEqual([]);
    expect(isFrom(last, NEW_SECRET)).toBe(true);
    line.answer(200, { ...granted(60), 'Proxy-Authentication-Info': 'rspauth="00"' });
    expect(line.warnings()).toEqual([]);
    expect(line.state()).toBe('registered');
  });
});
