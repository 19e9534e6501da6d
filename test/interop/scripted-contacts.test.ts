// What a 2xx may list, from SIPp (behaviour.md §4): our Contact, that of others, none, or ours with expires=0.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, failureIn } from './account-json.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { openStage, type Stage } from './scripted-registrar.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(() => stage.close());

const OWN = 'sip:alice@192.0.2.10:5060';
const FOREIGN = 'sip:desk@192.0.2.77:5060';

describe.skipIf(!isInstalled('sipp'))(`what a 2xx lists${missingPrograms('sipp')}`, () => {
  /** Registers the Contact OWN for 1800 s at a registrar whose 200 has just these fields. */
  async function register(headers: readonly string[]) {
    const registrar = await stage.registrar([{ status: 200, reason: 'OK', headers }]);
    const result = await stage.run(registrar.port, { contact: OWN, expires: 1800 });
    expect(await registrar.requests()).toHaveLength(1);
    return result;
  }

  it.each([
    ['nothing: what was asked for', [], { granted: 1800, source: 'requested', matchedBy: 'none' }],
    ['only Expires', ['Expires: 240'], { granted: 240, source: 'expires-header', matchedBy: 'none' }],
    [
      'our Contact wins over Expires',
      ['Expires: 240', `Contact: <${OWN}>;expires=120`],
      { granted: 120, source: 'contact', matchedBy: 'uri' },
    ],
    [
      'our Contact second, written otherwise',
      [`Contact: <${FOREIGN}>;expires=30, "us" <SIP:alice@192.0.2.10:5060>;q=0.5;expires=333`],
      { granted: 333, source: 'contact', matchedBy: 'uri' },
    ],
    [
      'our Contact without expires, and Expires',
      [`Contact: <${FOREIGN}>;expires=30`, `Contact: <${OWN}>`, 'Expires: 444'],
      { granted: 444, source: 'expires-header', matchedBy: 'uri' },
    ],
    [
      'our Contact with a malformed expires',
      [`Contact: <${OWN}>;expires=soon`],
      { granted: 3600, source: 'contact', matchedBy: 'uri' },
    ],
    [
      'the only Contact, rewritten on the way',
      ['Contact: <sip:alice@198.51.100.1:40000>;expires=90'],
      { granted: 90, source: 'contact', matchedBy: 'count' },
    ],
    ['a star', ['Contact: *', 'Expires: 60'], { granted: 60, source: 'expires-header' }],
  ] as const)('%s', async (_, headers, expected) => {
    const result = await register(headers);
    expect(result.code).toBe(0);
    expect(accountOf(result).expires).toMatchObject({ requested: 1800, ...expected });
    expect(result.stderr).toBe('');
  });

  it('two Contacts, and none of them ours: the shortest time, and a warning', async () => {
    const result = await register([
      `Contact: <${FOREIGN}>;expires=600`,
      'Contact: <sip:other@192.0.2.78>;expires=90',
      'Expires: 300',
    ]);
    expect(result.code).toBe(0);
    const account = accountOf(result);
    expect(account.expires).toMatchObject({ granted: 90, source: 'contact', matchedBy: 'none' });
    expect(account.bindings.map(({ own }) => own)).toEqual([false, false]);
    expect(result.stderr).toMatch(/warning: a: the registrar lists contacts, but none of them is ours/);
  });

  it('expires=0 for our Contact is a failure, and no binding is remembered', async () => {
    const result = await register([`Contact: <${FOREIGN}>;expires=100, <${OWN}>;expires=0`]);
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ stage: 'register', code: 'register.removed', status: 200 });
    expect(accountOf(result)).toMatchObject({ state: 'unregistered', expires: null });
  });

  it('Expires: 0 without a Contact is a failure too', async () => {
    const result = await register(['Expires: 0']);
    expect(result.code).toBe(75);
    expect(failureIn(result).code).toBe('register.removed');
  });

  it('shows Path and Service-Route', async () => {
    const result = await register([
      `Contact: <${OWN}>;expires=60`,
      'Path: <sip:edge.example.test;lr>',
      'Service-Route: <sip:a.example.test;lr>, <sip:b.example.test;lr>',
    ]);
    expect(accountOf(result)).toMatchObject({
      path: ['<sip:edge.example.test;lr>'],
      serviceRoute: ['<sip:a.example.test;lr>', '<sip:b.example.test;lr>'],
    });
  });
});
