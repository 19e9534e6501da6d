// Which account of a flow a request is for (behaviour.md §22).

import { describe, expect, it } from 'vitest';
import { parseNameAddr } from '../../../src/core/sip/name-addr.ts';
import { type Addressable, addressBook, addressee, namesUser } from '../../../src/core/uas/addressee.ts';

type Named = Addressable & { readonly name: string };

function account(name: string, aor: string, ...contactUsers: readonly string[]): Named {
  return { name, aor, contactUsers };
}

function meant(accounts: readonly Named[], requestUri: string, to: string): string | null {
  const parsed = parseNameAddr(to);
  if (!parsed.ok) throw new Error(to);
  return addressee(addressBook(accounts), requestUri, parsed.value)?.name ?? null;
}

const ALICE = account('a', 'sip:alice@example.com', 'line-1');
const BOB = account('b', 'sip:bob@example.com', 'line-2', 'line%203');
const OTHER_BOB = account('o', 'sip:bob@example.net', 'line-2');
const HOST_ONLY = account('h', 'sip:example.org', 'trunk');

describe('the account that is meant', () => {
  it.each([
    ['the Contact user, whatever To says', 'sip:line-2@192.0.2.50:4444', '<sip:alice@example.com>', 'b'],
    ['the Contact user with other escapes', 'sip:line%20%33@192.0.2.50', '<sip:x@y>', 'b'],
    ['To, when the Request-URI has a foreign user', 'sip:+4930@192.0.2.50', '<sip:alice@example.com>', 'a'],
    ['To, when the Request-URI has no user', 'sip:192.0.2.50', 'sip:alice@pbx.test', 'a'],
    ['nobody, when neither is known', 'sip:+4930@192.0.2.50', '<sip:+4930@example.com>', null],
    ['nobody, when users differ in case', 'sip:LINE-1@192.0.2.50', '<sip:ALICE@example.com>', null],
    ['nobody, when To is no SIP URI', 'sip:192.0.2.50', '<tel:+4930>', null],
  ])('is found by %s', (_, requestUri, to, name) => {
    expect(meant([ALICE, BOB, HOST_ONLY], requestUri, to)).toBe(name);
  });

  it('R074 is the only one that there is, for trunks put the dialled number everywhere', () => {
    expect(meant([ALICE], 'sip:+4930@192.0.2.50', '<sip:+4930@example.com>')).toBe('a');
    expect(meant([], 'sip:line-1@192.0.2.50', '<sip:alice@example.com>')).toBeNull();
  });

  it('is the one at the domain of To, where two have the same user', () => {
    const both = [ALICE, BOB, OTHER_BOB];
    expect(meant(both, 'sip:line-2@192.0.2.50', '<sip:bob@EXAMPLE.net>')).toBe('o');
    expect(meant(both, 'sip:line-2@192.0.2.50', '<sip:bob@example.com>')).toBe('b');
    expect(meant(both, 'sip:line-2@192.0.2.50', '<sip:x@example.net>')).toBe('o');
    expect(meant(both, 'sip:line-2@192.0.2.50', '<sip:x@y>')).toBe('b');
    expect(meant(both, 'sip:x@192.0.2.50', '<sip:bob@example.net>')).toBe('o');
  });

  it.each([
    ['sip:alice@example.com', true],
    ['sip:example.com', false],
    ['tel:+4930', false],
  ])('knows whether %s names a user', (uri, named) => {
    expect(namesUser(uri)).toBe(named);
  });
});
