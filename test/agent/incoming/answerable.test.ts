// As whom an account is reached, which addresses it knows, and who is one of them.

import { describe, expect, it } from 'vitest';
import { planOf } from '../../../src/accounts/plan.ts';
import { standingOf } from '../../../src/agent/incoming/acceptance.ts';
import { rememberAddresses, writtenAddresses } from '../../../src/agent/incoming/answerable.ts';
import { answerable, openScene } from './scene.ts';

const NOBODY: ReadonlySet<string> = new Set();

describe('an account', () => {
  it.each([
    [{}, ['alice']],
    [{ contactUser: 'desk 1' }, ['desk%201']],
    [{ contact: 'sip:pbx@192.0.2.60' }, ['pbx']],
    [{ contact: 'sip:192.0.2.60' }, []],
  ])('with %o is reached as %o', (entry, users) => {
    expect(answerable('alice', entry, NOBODY).contactUsers).toEqual(users);
  });

  it('knows the addresses that its file has', () => {
    const entry = {
      aor: 'sip:alice@example.com',
      registrar: 'sip:[2001:db8::1]',
      outboundProxy: ['sip:192.0.2.9:5070', 'sip:proxy.example.com'],
    };
    expect([...writtenAddresses(planOf('a', entry, '').profile)]).toEqual(['2001:db8::1', '192.0.2.9']);
  });

  it('forgets the addresses that it has not seen for longest', () => {
    const former = new Set(['old', 'seen again']);
    const found = Array.from({ length: 62 }, (_, index) => ({ address: `${index}` }));
    const known = rememberAddresses(former, [...found, { address: 'seen again' }, { address: 'new' }]);
    expect(known.size).toBe(64);
    expect(known.has('old')).toBe(false);
    expect(known.has('seen again')).toBe(true);
  });
});

describe('the standing of a source', () => {
  const { flow } = openScene();
  const at = (remote: string) => ({ ...flow, remote: { address: remote, port: 5060 } });
  const source = (address: string) => ({ address, port: 9 });
  const alice = answerable('alice', {}, new Set(['192.0.2.8']));

  it.each([
    ['2001:DB8:0::1', '2001:db8::1', 'known'],
    ['fe80::1', 'fe80::1%eth0', 'known'],
    ['192.0.2.7', '192.0.2.8', 'known'],
    ['192.0.2.7', '192.0.2.70', 'refused'],
  ])('at a flow to %s is for %s: %s', (remote, address, standing) => {
    expect(standingOf([alice], at(remote), source(address))).toBe(standing);
  });

  it('is none where nobody is', () => {
    expect(standingOf([], at('192.0.2.7'), source('192.0.2.7'))).toBe('refused');
  });

  it('is better for a server of one account than for a stranger of another', () => {
    const any = answerable('bob', { acceptFrom: 'any' }, NOBODY);
    expect(standingOf([any], at('192.0.2.7'), source('192.0.2.8'))).toBe('stranger');
    expect(standingOf([any, alice], at('192.0.2.7'), source('192.0.2.8'))).toBe('known');
  });
});
