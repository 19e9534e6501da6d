// The text of state.json: what is written can be read, what is wrong is found, what is right is kept.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccountRecord,
  CSEQ_MAX,
  formatAccount,
  formatHead,
  formatState,
  parseState,
  type StateDocument,
} from '../../src/state/state-document.ts';

const INSTANCE = 'urn:uuid:f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
const CALL_ID = '0123456789abcdef0123456789abcdef';
const FLOW = {
  callId: CALL_ID,
  cseq: 7,
  reservation: null,
  contact: 'sip:1@192.0.2.1:5060',
  localPort: 5060,
  registrar: 'sip:example.com',
  grantedUntil: '2026-11-21T08:00:00.000Z',
  publicAddress: null,
};

const text = fc.option(fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), { nil: null });
const flow = fc.record({
  callId: fc.constant(CALL_ID),
  cseq: fc.integer({ min: 0, max: CSEQ_MAX }),
  reservation: text,
  contact: text,
  localPort: fc.option(fc.integer({ min: 0, max: 65535 }), { nil: null }),
  registrar: text,
  grantedUntil: text,
  publicAddress: text,
});
const date = fc
  .date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((moment) => moment.toISOString());
const dateOrNull = fc.option(date, { nil: null });
const secretFingerprint = fc.string({ unit: 'grapheme-ascii', maxLength: 30 });
const rejected = fc.record({
  secretFingerprint,
  count: fc.nat(1_000_000),
  lastAt: date,
  nextAt: dateOrNull,
  isBlocked: fc.boolean(),
});
const account: fc.Arbitrary<AccountRecord> = fc.record({
  pausedSince: dateOrNull,
  rejected: fc.option(rejected, { nil: null }),
  flows: fc
    .dictionary(fc.integer({ min: 1, max: 4 }).map(String), flow)
    .map((flows) => new Map(Object.entries(flows).map(([regId, record]) => [Number(regId), record]))),
});
const document: fc.Arbitrary<StateDocument> = fc
  .array(fc.tuple(fc.string(), account))
  .map((entries) => ({ revision: 'ab', instanceId: INSTANCE, accounts: new Map(entries) }));

describe('a good text', () => {
  it('reads back as it was written, with any account name', () => {
    fc.assert(
      fc.property(document, (state) => {
        const written = formatState(state);
        expect(written.startsWith(formatHead(state))).toBe(true);
        expect(parseState(written)).toEqual({ type: 'good', document: state });
      }),
    );
  });

  it('keeps an account by the name of a property of all objects', () => {
    const accounts = new Map([['__proto__', { pausedSince: null, rejected: null, flows: new Map() }]]);
    const state = { revision: 'ab', instanceId: INSTANCE, accounts };
    expect(parseState(formatState(state))).toEqual({ type: 'good', document: state });
  });

  it('has one account a line', () => {
    expect(
      wrap({ one: account1(), two: account1() })
        .split('\n')
        .filter((line) => /^"(one|two)"/.test(line)),
    ).toHaveLength(2);
  });
});

describe('rejected credentials', () => {
  const since = '2026-11-21T08:00:00.000Z';
  const nextAt = '2026-11-21T14:00:00.000Z';
  const blocked = { since, secretFingerprint: '0123abcd' };
  const counted = { count: 2, lastAt: since, nextAt, secretFingerprint: '0123abcd' };
  const rejectedIn = (fields: object) => {
    const reading = parseState(wrap({ one: { pausedSince: null, ...fields, flows: {} } }));
    return reading.type === 'good' ? reading.document.accounts.get('one')?.rejected : reading.type;
  };

  it('are read as a version wrote them that knew only blocked accounts', () => {
    expect(rejectedIn({ blocked: null })).toBeNull();
    expect(rejectedIn({ blocked })).toEqual({
      secretFingerprint: '0123abcd',
      count: null,
      lastAt: since,
      nextAt: null,
      isBlocked: true,
    });
    expect(rejectedIn({ blocked: { since, secretFingerprint: null } })).toBeNull();
  });

  it('are read with their count, blocked or not yet', () => {
    const { count, ...rest } = counted;
    expect(rejectedIn({ blocked: null, rejected: counted })).toEqual({ count, ...rest, isBlocked: false });
    expect(rejectedIn({ blocked, rejected: counted })).toEqual({ count, ...rest, isBlocked: true });
  });

  it('are seen as blocked by a version that knows nothing else, and cost an account without them nothing', () => {
    const flows = new Map();
    const record = { secretFingerprint: 'ab', count: 3, lastAt: since, nextAt: null, isBlocked: true };
    const written = formatAccount({ pausedSince: null, rejected: record, flows });
    expect(JSON.parse(written).blocked).toEqual({ since, secretFingerprint: 'ab' });
    const uncounted = formatAccount({ pausedSince: null, rejected: { ...record, count: null }, flows });
    expect(JSON.parse(uncounted)).toEqual({
      pausedSince: null,
      blocked: { since, secretFingerprint: 'ab' },
      flows: {},
    });
    expect(formatAccount({ pausedSince: null, rejected: null, flows })).toBe(
      '{"pausedSince":null,"blocked":null,"flows":{}}',
    );
  });

  it.each([
    { blocked: 'yes' },
    { blocked: { ...blocked, since: 'yesterday' } },
    { blocked: { ...blocked, secretFingerprint: 7 } },
    { blocked: null, rejected: null },
    { blocked: null, rejected: { ...counted, count: -1 } },
    { blocked: null, rejected: { ...counted, count: 1e9 } },
    { blocked: null, rejected: { ...counted, count: '2' } },
    { blocked: null, rejected: { ...counted, lastAt: null } },
    { blocked: null, rejected: { ...counted, lastAt: '+275760-09-13T00:00:00.000Z' } },
    { blocked: null, rejected: { ...counted, nextAt: '2026-13-45T00:00:00.000Z' } },
    { blocked: null, rejected: { ...counted, nextAt: undefined } },
    { blocked: null, rejected: { ...counted, secretFingerprint: null } },
    { blocked: null, rejected: { ...counted, secretFingerprint: 'a\r\nb' } },
    { blocked: null, pausedSince: 'yesterday' },
  ])('%o is damage', (fields) => {
    expect(rejectedIn(fields)).toBe('damaged');
  });
});

describe('a wrong text', () => {
  it.each([
    ['', 'JSON'],
    ['{"schema": "sipreg.state/1", "inst', 'JSON'],
    ['[]', 'object'],
    ['null', 'object'],
    ['{"projects": []}', 'schema'],
    ['{"schema": "other/9"}', 'schema'],
    ['{"schema": "sipreg.state/0"}', 'schema'],
    ['{"schema": "sipreg.state/1", "instanceId": "x", "accounts": {}}', 'instanceId'],
    [`{"schema": "sipreg.state/1", "instanceId": "${INSTANCE}"}`, 'accounts'],
  ])('%s is damaged', (wrong, problem) => {
    expect(parseState(wrong)).toMatchObject({ type: 'damaged', problem: expect.stringContaining(problem) });
  });

  it.each([
    { cseq: -1 },
    { cseq: 1.5 },
    { cseq: 2 ** 31 },
    { cseq: '7' },
    { callId: 'short' },
    { callId: `${CALL_ID}\r\nVia: x` },
    { contact: 'sip:x\r\nTo: y' },
    { contact: 5 },
    { localPort: 65536 },
    { grantedUntil: undefined },
  ])('%o loses its account and no other', (wrong) => {
    const reading = parseState(wrap({ bad: account1(wrong), good: account1() }));
    expect(reading).toMatchObject({ type: 'damaged', problem: expect.stringContaining('"bad"') });
    expect(reading.type === 'damaged' && [...(reading.document?.accounts.keys() ?? [])]).toEqual(['good']);
    expect(reading.type === 'damaged' && reading.document?.instanceId).toBe(INSTANCE);
  });

  it('never throws, whatever was cut off or changed', () => {
    const whole = wrap({ one: account1() });
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
        expect(['good', 'damaged', 'newer']).toContain(
          parseState(whole.slice(0, at) + put + whole.slice(at + 1)).type,
        );
        expect(parseState(whole.slice(0, at)).type).toBe('damaged');
      }),
    );
  });
});

it('knows the text of a newer version, whatever else is in it', () => {
  expect(parseState('{"schema": "sipreg.state/2", "accounts": []}')).toEqual({
    type: 'newer',
    schema: 'sipreg.state/2',
  });
  expect(parseState('{"schema": "sipreg.state/10"}').type).toBe('newer');
});

function account1(change: object = {}): unknown {
  return { pausedSince: null, blocked: null, flows: { 1: { ...FLOW, ...change } } };
}

function wrap(accounts: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(accounts).map(
    ([name, record]) => `${JSON.stringify(name)}: ${JSON.stringify(record)}`,
  );
  return `{"schema": "sipreg.state/1", "revision": "a", "instanceId": "${INSTANCE}",\n"accounts": {\n${lines.join(',\n')}\n}}`;
}
