// Challenges that no well-behaved server sends, from SIPp (behaviour.md §7–9): several realms, several algorithms, nonces
// that age, and registrars that never have enough.

import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, failureIn } from './account-json.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues } from './kamailio.ts';
import {
  cseqNumbers,
  firstValues,
  OK,
  openStage,
  PASSWORD,
  type Stage,
  unauthorized,
} from './scripted-registrar.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(() => stage.close());

const digest = (nonce: string, more = ', algorithm=MD5'): string =>
  `Digest realm="door", nonce="${nonce}", qop="auth"${more}`;

describe.skipIf(!isInstalled('sipp'))(`challenges${missingPrograms('sipp')}`, () => {
  it('R193 R197 answers a 407 and then a 401, and sends both credentials in one request', async () => {
    const proxy = {
      status: 407,
      reason: 'Proxy Authentication Required',
      headers: ['Proxy-Authenticate: Digest realm="gate", nonce="g1", qop="auth"'],
    };
    const { result, requests } = await stage.register([proxy, unauthorized(digest('d1')), OK]);
    expect(result.code).toBe(0);
    expect(firstValues(requests, 'Authorization').map((value) => value !== undefined)).toEqual([
      false,
      false,
      true,
    ]);
    const [, , last = ''] = requests;
    expect(fieldValues(last, 'Proxy-Authorization')).toEqual([
      expect.stringMatching(/^Digest .*realm="gate".*nonce="g1".*nc=00000002/),
    ]);
    expect(fieldValues(last, 'Authorization')).toEqual([
      expect.stringMatching(/^Digest .*realm="door".*nonce="d1".*nc=00000001/),
    ]);
    expect(cseqNumbers(requests).map((number) => number - (cseqNumbers(requests)[0] ?? 0))).toEqual([
      0, 1, 2,
    ]);
  });

  it('R193 R197 answers 401 challenges of two realms in one row each', async () => {
    const other = 'Digest realm="annex", nonce="a1", qop="auth"';
    const { result, requests } = await stage.register([unauthorized(digest('d1'), other), OK], {
      credentials: [
        { realm: 'annex', username: 'guest', password: 'annex pass' },
        { realm: 'door', username: 'alice', password: PASSWORD },
      ],
      password: undefined,
    });
    expect(result.code).toBe(0);
    const rows = fieldValues(requests[1] ?? '', 'Authorization');
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row.includes('realm="annex"'))).toContain('username="guest"');
    expect(rows.find((row) => row.includes('realm="door"'))).toContain('username="alice"');
  });

  it.each([
    ['SHA-256', 'MD5'],
    ['MD5', 'SHA-256'],
  ] as const)('R268 R282 answers the topmost of %s and %s, correctly', async (first, second) => {
    const challenges = [first, second].map((name) => digest(name.toLowerCase(), `, algorithm=${name}`));
    const { result, requests } = await stage.register([unauthorized(...challenges), OK]);
    expect(result.code).toBe(0);
    expect(accountOf(result).auth).toMatchObject({ realm: 'door', algorithm: first });
    const [answer = '', ...others] = fieldValues(requests[1] ?? '', 'Authorization');
    expect(others).toEqual([]);
    const of = (name: string): string => new RegExp(`\\b${name}="?([^",]*)`).exec(answer)?.[1] ?? '';
    const hash = (text: string): string =>
      createHash(first === 'MD5' ? 'md5' : 'sha256')
        .update(text)
        .digest('hex');
    const ha2 = hash(`REGISTER:${of('uri')}`);
    const expected = [hash(`alice:door:${PASSWORD}`), of('nonce'), of('nc'), of('cnonce'), 'auth', ha2];
    expect(of('response')).toBe(hash(expected.join(':')));
    expect(of('algorithm')).toBe(first);
  });

  it('R256 R283 passes over algorithms and schemes that it does not know', async () => {
    const { result, requests } = await stage.register([
      unauthorized(
        digest('x1', ', algorithm=SHA3-512'),
        'Bearer authz_server="https://example.test"',
        'Basic realm="door"',
        digest('m1'),
      ),
      OK,
    ]);
    expect(result.code).toBe(0);
    expect(firstValues(requests, 'Authorization')[1]).toContain('nonce="m1"');
  });

  it('R198 R285 gives up where it knows no algorithm, after one REGISTER', async () => {
    const { result, requests } = await stage.register([
      unauthorized(digest('x1', ', algorithm=SHA3-512'), 'Basic realm="door"'),
    ]);
    expect(result.code).toBe(77);
    expect(failureIn(result)).toMatchObject({ stage: 'auth', code: 'auth.no-algorithm', status: 401 });
    expect(requests).toHaveLength(1);
  });

  it('R204 R285 says which realm it has no credentials for', async () => {
    const { result, requests } = await stage.register([unauthorized(digest('d1'))], { password: undefined });
    expect(result.code).toBe(77);
    expect(failureIn(result)).toMatchObject({ code: 'auth.no-credentials', status: 401 });
    expect(failureIn(result).cause).toContain('"door"');
    expect(requests).toHaveLength(1);
  });

  it('R259 R266 takes stale=true for a new nonce, and counts from 1 again', async () => {
    const stale = unauthorized(digest('d2', ', stale=TRUE'));
    const { result, requests } = await stage.register([unauthorized(digest('d1')), stale, OK]);
    expect(result.code).toBe(0);
    expect(accountOf(result).requests).toBe(3);
    const answers = firstValues(requests, 'Authorization');
    expect(answers[1]).toMatch(/nonce="d1".*nc=00000001/);
    expect(answers[2]).toMatch(/nonce="d2".*nc=00000001/);
  });

  it('R195 does not follow a registrar that calls every nonce stale', async () => {
    const stale = ['d2', 'd3', 'd4', 'd5', 'd6'].map((nonce) => unauthorized(digest(nonce, ', stale=true')));
    const { result, requests } = await stage.register([unauthorized(digest('d1')), ...stale]);
    expect(result.code).toBe(77);
    expect(failureIn(result).code).toBe('auth.looping');
    // The first, its answer, and three free ones.
    expect(requests).toHaveLength(5);
  });

  it.each([
    ['a new nonce', 'd2'],
    ['the same nonce', 'd1'],
  ])(
    'R195 R288 R289 a second 401 with %s and without stale is a rejection after two REGISTERs',
    async (_, nonce) => {
      const { result, requests } = await stage.register([
        unauthorized(digest('d1')),
        unauthorized(digest(nonce)),
        OK,
      ]);
      expect(result.code).toBe(77);
      expect(failureIn(result)).toMatchObject({ code: 'auth.rejected', status: 401, reason: 'Unauthorized' });
      expect(requests).toHaveLength(2);
    },
  );

  it('R064 a 403 to the answer of a challenge is a rejection, and not repeated', async () => {
    const { result, requests } = await stage.register([
      unauthorized(digest('d1')),
      { status: 403, reason: 'Wrong password', headers: ['Warning: 399 door "no such user"'] },
      OK,
    ]);
    expect(result.code).toBe(77);
    expect(failureIn(result)).toMatchObject({ code: 'auth.rejected', status: 403, reason: 'Wrong password' });
    expect(requests).toHaveLength(2);
  });

  it('R286 answers a challenge without qop in the form of RFC 2069', async () => {
    const { result, requests } = await stage.register([unauthorized('Digest realm="door", nonce="old"'), OK]);
    expect(result.code).toBe(0);
    expect(accountOf(result).auth).toEqual({ realm: 'door', algorithm: 'MD5', qop: null });
    const answer = firstValues(requests, 'Authorization')[1] ?? '';
    expect(answer).not.toMatch(/\b(?:qop|nc|cnonce)=/);
  });
});
