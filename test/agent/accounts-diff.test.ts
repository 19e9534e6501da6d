import { describe, expect, it } from 'vitest';
import type { AccountEntry } from '../../src/accounts/schema.ts';
import { diffAccounts, needsNewFlow } from '../../src/agent/accounts-diff.ts';

const OFFICE: AccountEntry = { aor: 'sip:1@a.example', password: 'x', tls: { verify: 'host', ca: 'ca.pem' } };
const HOME: AccountEntry = { aor: 'sip:2@a.example', password: 'x' };

function diff(before: Readonly<Record<string, AccountEntry>>, after: Readonly<Record<string, AccountEntry>>) {
  return diffAccounts(new Map(Object.entries(before)), new Map(Object.entries(after)));
}

describe('what a reload has to do', () => {
  it('names what was added, removed and changed, each in the order of its file', () => {
    const after = { new: HOME, office: { ...OFFICE, expires: 60 }, home: HOME };
    expect(diff({ home: HOME, gone: HOME, office: OFFICE }, after)).toEqual({
      added: ['new'],
      removed: ['gone'],
      changed: ['office'],
      unchanged: ['home'],
    });
  });

  it('takes another order of keys and of accounts for no change, inside of objects too', () => {
    const turned: AccountEntry = { tls: { ca: 'ca.pem', verify: 'host' }, password: 'x', aor: OFFICE.aor };
    expect(diff({ office: OFFICE, home: HOME }, { home: HOME, office: turned }).changed).toEqual([]);
  });

  it('takes another order inside of a list for a change: proxies are tried in order', () => {
    const proxies = ['sip:p1.example', 'sip:p2.example'];
    const before = { office: { ...OFFICE, outboundProxy: proxies } };
    const after = { office: { ...OFFICE, outboundProxy: proxies.toReversed() } };
    expect(diff(before, after).changed).toEqual(['office']);
  });

  it.each<[string, Partial<AccountEntry>]>([
    ['transport', { transport: 'tcp' }],
    ['tls', { tls: { verify: 'none' } }],
    ['local', { local: '127.0.0.1:0' }],
    ['outboundProxy', { outboundProxy: 'sip:proxy.example' }],
    ['registrar', { registrar: 'sip:b.example' }],
    ['dns', { dns: { servers: ['127.0.0.1:53'] } }],
  ])('wants a new flow for another %s', (_key, change) => {
    expect(needsNewFlow(OFFICE, { ...OFFICE, ...change })).toBe(true);
  });

  it('keeps the flow for whatever else changes', () => {
    const after = { ...OFFICE, expires: 60, password: 'y', contactUser: 'z', userAgent: 'w' };
    expect(needsNewFlow(OFFICE, after)).toBe(false);
  });
});
