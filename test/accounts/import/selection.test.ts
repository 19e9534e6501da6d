import { describe, expect, it } from 'vitest';
import type { ForeignAccount } from '../../../src/accounts/import/reading.ts';
import { fittingName, selectAccounts } from '../../../src/accounts/import/selection.ts';
import type { AccountEntry, AccountsDocument } from '../../../src/accounts/schema.ts';
import { accountNameRule } from '../../../src/accounts/value-rules.ts';

const A = { aor: 'sip:a@x.test', password: 'p' };
const B = { aor: 'sip:b@x.test', password: 'p' };

function found(name: string, entry: AccountEntry, line = 1): ForeignAccount {
  return { name, path: 'f', line, entry, notes: [] };
}

function select(accounts: readonly ForeignAccount[], document: Partial<AccountsDocument> = {}) {
  const { added, unchanged, leftOut } = selectAccounts(
    { accounts: {}, ...document },
    { accounts, leftOut: [] },
  );
  return {
    added: added.map(({ name }) => name),
    unchanged: unchanged.map(({ name }) => name),
    leftOut: leftOut.map(({ what, why }) => `${what}: ${why}`),
  };
}

describe('names', () => {
  it.each([
    ['office', 'office'],
    ['1008@pbx.example.com:5070', '1008@pbx.example.com-5070'],
    ['[Büro] 2/west', 'Buro-2-west'],
    ['.-x-', 'x'],
    ['__proto__', 'account-__proto__'],
    ['', 'account'],
    ['漢字', 'account'],
    [`${'a'.repeat(63)}-b`, 'a'.repeat(63)],
    ['a'.repeat(80), 'a'.repeat(64)],
  ])('%s becomes %s', (name, fitting) => {
    expect(fittingName(name)).toBe(fitting);
    expect(accountNameRule(fitting)).toBeNull();
  });

  it('may be as long as a file', () => {
    expect(fittingName(`a${'-'.repeat(1_000_000)}b`)).toBe('a');
  });

  it('are numbered when several want one', () => {
    const long = 'n'.repeat(64);
    const wanted = [found('x', A), found('x', B), found('x', { aor: 'sip:c@x.test' })];
    expect(select(wanted).added).toEqual(['x', 'x-2', 'x-3']);
    expect(select([found(long, A), found(long, B)]).added).toEqual([long, `${'n'.repeat(62)}-2`]);
  });

  it('ten thousand times', () => {
    const many = Array.from({ length: 10_000 }, (_, at) => found('x', { aor: `sip:${at}@x.test` }));
    expect(select(many).added.at(-1)).toBe('x-10000');
  });
});

describe('what is there already', () => {
  it('is left as it is when it is equal, numbered ones too', () => {
    const twice = [found('x', A), found('x', B)];
    expect(select(twice, { accounts: { x: A, 'x-2': B } })).toEqual({
      added: [],
      unchanged: ['x', 'x-2'],
      leftOut: [],
    });
  });

  it('is never overwritten', () => {
    const { added, leftOut } = select([found('x', A), found('y', B)], {
      accounts: { x: { ...A, expires: 60 } },
    });
    expect(added).toEqual(['y']);
    expect(leftOut).toEqual([
      'x: there is an account "x" already, and it is another: remove that one first to take this',
    ]);
  });

  it('takes nobody else with the same AOR at the same registrar', () => {
    const why = /^y: account "x" has the same AOR at the same registrar/;
    expect(select([found('y', A)], { accounts: { x: A } }).leftOut).toEqual([expect.stringMatching(why)]);
    expect(select([found('x', A), found('y', { ...A, expires: 60 })])).toMatchObject({
      added: ['x'],
      leftOut: [expect.stringMatching(why)],
    });
    expect(select([found('y', { ...A, enabled: false })], { accounts: { x: A } }).added).toEqual(['y']);
    const elsewhere = { ...A, registrar: 'sip:y.test' };
    expect(select([found('y', elsewhere)], { accounts: { x: A } }).added).toEqual(['y']);
    const defaults = { registrar: 'sip:y.test' };
    expect(select([found('y', A)], { defaults, accounts: { x: elsewhere } }).added).toEqual(['y']);
    expect(select([found('y', elsewhere)], { defaults, accounts: { x: A } }).leftOut).toHaveLength(1);
  });
});

describe('defaults of the file', () => {
  type Defaults = NonNullable<AccountsDocument['defaults']>;
  const addedTo = (defaults: Defaults | undefined, entry: AccountEntry) =>
    selectAccounts(
      { accounts: {}, ...(defaults && { defaults }) },
      { accounts: [found('x', entry)], leftOut: [] },
    ).added[0];
  const own = { aor: 'sip:a%20b@x.test', ha1: 'a'.repeat(32) };

  it.each<[string, Defaults, object]>([
    ['registrar', { registrar: 'sip:y.test' }, { registrar: 'sip:x.test' }],
    ['outboundProxy', { outboundProxy: ['sip:y.test'] }, { outboundProxy: 'sip:x.test' }],
    ['transport', { transport: 'tls' }, { transport: 'auto' }],
    ['username', { username: 'c' }, { username: 'a b' }],
    ['from', { from: 'sip:c@x.test' }, { from: 'sip:a%20b@x.test' }],
    ['contact', { contact: 'sip:c@192.0.2.1' }, { contactUser: 'a b' }],
    ['contactUser', { contactUser: 'c' }, { contactUser: 'a b' }],
    ['expires', { expires: 300 }, { expires: 3600 }],
    ['outbound', { outbound: 'off' }, { outbound: 'auto' }],
    ['enabled', { enabled: false }, { enabled: true }],
    ['what is usual', { transport: 'auto', expires: 3600, registrar: 'sip:x.test' }, {}],
  ])('do not change where and as whom an account registers: %s', (_what, defaults, keys) => {
    expect(addedTo(defaults, own)?.entry).toEqual({ ...own, ...keys });
  });

  it('leave alone what an account says itself', () => {
    const entry = { ...own, registrar: 'sip:z.test', expires: 60, contact: 'sip:a@192.0.2.1' };
    const defaults = { registrar: 'sip:y.test', expires: 300, contactUser: 'c' };
    expect(addedTo(defaults, entry)?.entry).toEqual(entry);
    expect(addedTo({ outboundProxy: 'sip:y.test' }, entry)?.entry).toEqual({
      ...entry,
      outboundProxy: 'sip:z.test',
    });
  });

  it('are told where they hold all the same', () => {
    const defaults = { registrar: 'sip:y.test', password: 'q', realm: 'r', retry: { base: 60 } };
    expect(addedTo(defaults, own)?.notes).toEqual(['takes from the file\'s "defaults": realm, retry']);
    expect(addedTo(undefined, own)?.notes).toEqual([]);
  });

  it('make no other account of one that was imported before or after them', () => {
    const defaults = { transport: 'tls' } as const;
    for (const before of [A, { ...A, transport: 'auto' } as const]) {
      expect(select([found('x', A)], { defaults, accounts: { x: before } }).unchanged).toEqual(['x']);
    }
  });
});

it('an entry that does not fit is left out alone', () => {
  const { added, leftOut } = select([
    found('x', { aor: 'nonsense' }),
    found('y', { ...A, ha1: 'a'.repeat(32) }),
    found('z', A),
  ]);
  expect(added).toEqual(['z']);
  expect(leftOut).toEqual(['x: "aor" is no sip: or sips: URI', 'y: "ha1" cannot stand beside "password"']);
});
