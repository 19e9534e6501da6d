import { describe, expect, it } from 'vitest';
import { acceptedOf, problemsOf } from './scratch.ts';

function fileOf(accounts: object, defaults?: object): string {
  return JSON.stringify({ ...(defaults && { defaults }), accounts });
}

const AOR = 'sip:1008@pbx.example.com';
const DUPLICATE =
  'accounts.second.aor: is also that of account "first", at the same registrar and proxy; ' +
  'remove one, disable it, or give each its own "contact" or "instanceId"';

describe('the same AOR twice', () => {
  it.each([
    ['as it stands', { aor: AOR }, { aor: AOR }],
    ['with the default registrar spelt out', { aor: AOR }, { aor: AOR, registrar: 'sip:pbx.example.com' }],
    ['in another case of the host', { aor: AOR }, { aor: 'sip:1008@PBX.example.com' }],
    ['with another contactUser only', { aor: AOR }, { aor: AOR, contactUser: 'x' }],
    ['with another user name only', { aor: AOR }, { aor: AOR, username: 'x' }],
    [
      'with one proxy as text and as a list',
      { aor: AOR, outboundProxy: 'sip:p' },
      { aor: AOR, outboundProxy: ['sip:P'] },
    ],
    ['with one contact', { aor: AOR, contact: 'sip:a@b' }, { aor: AOR, contact: 'sip:a@B' }],
  ])('%s is an error', async (_what, first, second) => {
    expect(await problemsOf(fileOf({ first, second }))).toEqual([DUPLICATE]);
  });

  it.each([
    ['a disabled one', { aor: AOR, enabled: false }],
    ['another contact', { aor: AOR, contact: 'sip:1008@192.0.2.20' }],
    ['another instance', { aor: AOR, instanceId: 'urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11' }],
    ['another registrar', { aor: AOR, registrar: 'sip:backup.example.com' }],
    ['another port of the registrar', { aor: AOR, registrar: 'sip:pbx.example.com:5070' }],
    ['another proxy', { aor: AOR, outboundProxy: 'sip:edge.example.com' }],
    ['another user', { aor: 'sip:1009@pbx.example.com' }],
    ['the user in another case', { aor: 'sip:ALICE@pbx.example.com' }],
  ])('%s is none', async (_what, second) => {
    expect(await problemsOf(fileOf({ first: { aor: AOR }, second }))).toEqual([]);
  });

  it('is found through the defaults', async () => {
    const accounts = { first: { aor: AOR }, second: { aor: AOR, registrar: 'sip:a.example' } };
    expect(await problemsOf(fileOf(accounts, { registrar: 'sip:a.example' }))).toEqual([DUPLICATE]);
  });
});

describe('keys that do not fit together', () => {
  it.each([
    [{ password: '', ha1: 'a'.repeat(32) }, 'ha1: cannot stand beside "password"; keep one of the two'],
    [{ aor: 'sip:example.com', password: '' }, 'needs "username", as the aor has no user'],
    [{ aor: 'sip:example.com', initialAuthorization: true }, 'needs "username", as the aor has no user'],
    [
      { contact: 'sip:a@b', contactUser: 'c' },
      'contactUser: means nothing beside "contact"; put it into the contact, or leave out one',
    ],
    [
      { contact: 'sip:a@b', contactUriParams: {} },
      'contactUriParams: means nothing beside "contact"; put it into the contact, or leave out one',
    ],
    [
      { aor: 'sips:a@b', transport: 'udp' },
      'transport: does not fit a sips: registrar; use "tls", "wss" or "auto"',
    ],
    [
      { registrar: 'sips:b', transport: 'ws' },
      'transport: does not fit a sips: registrar; use "tls", "wss" or "auto"',
    ],
    [
      { registrar: 'sips:b', outboundProxy: 'ws://edge/ws' },
      'outboundProxy: does not fit a sips: registrar; use a wss: URI',
    ],
    [
      { transport: 'tls', outboundProxy: ['wss://edge/ws'] },
      'transport: does not fit the wss: URI of "outboundProxy"; use "auto" or "wss"',
    ],
  ])('%j', async (keys, problem) => {
    const [found, ...others] = await problemsOf(fileOf({ office: { aor: AOR, ...keys } }));
    expect(others).toEqual([]);
    expect(found?.replace(/^accounts\.office[.:] ?/, '')).toBe(problem);
  });

  it('an account without a user in its AOR needs no user name when it has no secret', async () => {
    expect(await problemsOf(fileOf({ office: { aor: 'sip:example.com' } }))).toEqual([]);
  });
});

describe('defaults', () => {
  async function mergedOf(defaults: object, keys: object): Promise<object | undefined> {
    const { accounts } = await acceptedOf(fileOf({ office: { aor: AOR, ...keys } }, defaults));
    return accounts.get('office');
  }

  it('fill in what the account leaves open', async () => {
    expect(await mergedOf({ expires: 60, nat: 'off' }, { expires: 90 })).toEqual({
      aor: AOR,
      expires: 90,
      nat: 'off',
    });
  });

  it('are merged key by key where a value is a set of settings', async () => {
    const defaults = { tls: { ca: 'a', verify: 'host' }, headers: { Privacy: 'none' }, retry: { base: 10 } };
    const keys = { tls: { verify: 'none' }, headers: { Subject: 'x' } };
    expect(await mergedOf(defaults, keys)).toEqual({
      aor: AOR,
      tls: { ca: 'a', verify: 'none' },
      headers: { Privacy: 'none', Subject: 'x' },
      retry: { base: 10 },
    });
  });

  it('are replaced as a whole where a value is one thing', async () => {
    const merged = await mergedOf(
      { password: { env: 'A' }, outboundProxy: ['sip:a', 'sip:b'] },
      { password: { file: 'b' }, outboundProxy: 'sip:c' },
    );
    expect(merged).toEqual({ aor: AOR, password: { file: 'b' }, outboundProxy: 'sip:c' });
  });

  it('give way where the account has the other kind of the same thing', async () => {
    const ha1 = 'a'.repeat(32);
    expect(await mergedOf({ password: 'x' }, { ha1 })).toEqual({ aor: AOR, ha1 });
    expect(await mergedOf({ ha1 }, { password: '' })).toEqual({ aor: AOR, password: '' });
    expect(
      await mergedOf({ contactUser: 'x', contactUriParams: { a: true } }, { contact: 'sip:a@b' }),
    ).toEqual({ aor: AOR, contact: 'sip:a@b' });
    expect(await mergedOf({ contact: 'sip:a@b' }, { contactUser: 'x' })).toEqual({
      aor: AOR,
      contactUser: 'x',
    });
  });
});
