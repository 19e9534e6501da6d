// What a 2xx, a 423, a 420 and other final answers mean (behaviour.md §2, §4-6).

import { describe, expect, it } from 'vitest';
import { type Grant, grantOf } from '../../../src/core/registration/binding.ts';
import { ownUri } from '../../../src/core/registration/contact.ts';
import {
  type AnswerHeaders,
  type ChosenPlan,
  challenge,
  granted,
  OWN_CONTACT,
  script,
  uri,
} from './script.ts';

const OTHER = '<sip:alice@10.9.9.9:5060>;expires=900';

/** The grant of a 2xx to a REGISTER that asked for 3600 s. */
function grantFor(headers: AnswerHeaders): Partial<Grant> {
  const line = script();
  line.begin();
  line.answer(200, headers);
  const outcome = line.outcome();
  if (outcome.type !== 'registered') return {};
  const { grantedSeconds, source, matchedBy } = outcome.binding;
  return { grantedSeconds, source, matchedBy };
}

describe('the grant of a 2xx', () => {
  it('R420 may come with 202', () => {
    const line = script();
    line.begin();
    line.answer(202, granted(300));
    expect(line.state()).toBe('registered');
    expect(line.outcome()).toMatchObject({ type: 'registered', binding: { grantedSeconds: 300 } });
  });

  it.each<[string, AnswerHeaders, number, string, string]>([
    ['R120 R121 our Contact', granted(300), 300, 'contact', 'uri'],
    ['R120 a longer time', granted(7200), 7200, 'contact', 'uri'],
    ['R113 its expires before the header', { ...granted(300), Expires: '60' }, 300, 'contact', 'uri'],
    [
      'R121 T2 our Contact without expires',
      { Contact: `<${OWN_CONTACT}>`, Expires: '60' },
      60,
      'expires-header',
      'uri',
    ],
    ['R123 T2 no expires anywhere', { Contact: `<${OWN_CONTACT}>` }, 3600, 'requested', 'uri'],
    [
      'R123 a header that is malformed',
      { Contact: `<${OWN_CONTACT}>`, Expires: 'soon' },
      3600,
      'requested',
      'uri',
    ],
    ['R114 a malformed expires', { Contact: `<${OWN_CONTACT}>;expires=x` }, 3600, 'contact', 'uri'],
    ['T3 no Contact', {}, 3600, 'requested', 'none'],
    ['T3 no Contact, but Expires', { Expires: '120' }, 120, 'expires-header', 'none'],
    ['one foreign Contact for one', { Contact: OTHER }, 900, 'contact', 'count'],
    ['R121 ours among others', { Contact: [OTHER, `<${OWN_CONTACT};ob>;expires=77`] }, 77, 'contact', 'uri'],
    ['R191 a star', { Contact: '*' }, 3600, 'requested', 'none'],
  ])('%s', (_, headers, grantedSeconds, source, matchedBy) => {
    expect(grantFor(headers)).toEqual({ grantedSeconds, source, matchedBy });
  });

  it.each<[string, AnswerHeaders, number, string]>([
    [
      'a Contact',
      { Contact: [OTHER, '<sip:x@10.9.9.8>;expires=500, <sip:y@10.9.9.7>;expires=0'], Expires: '600' },
      500,
      'contact',
    ],
    ['the header', { Contact: [OTHER, '<sip:x@10.9.9.8>'], Expires: '60' }, 60, 'expires-header'],
    [
      'what was asked for',
      { Contact: ['<sip:x@10.9.9.8>, <sip:y@10.9.9.7>'], Expires: '0' },
      3600,
      'requested',
    ],
  ])(
    'T4 of Contacts that are all foreign is the smallest: %s, with a warning',
    (_, headers, seconds, source) => {
      expect(grantFor(headers)).toEqual({ grantedSeconds: seconds, source, matchedBy: 'none' });
      const line = script();
      line.begin();
      line.answer(200, headers);
      expect(line.warnings()).toEqual([expect.stringContaining('none of them is ours')]);
      expect(line.outcome()).toMatchObject({ type: 'registered' });
    },
  );

  it('finds our instance before our URI, and the reg-id in it', () => {
    const own = { ...ownUri(uri(OWN_CONTACT)), instanceId: 'urn:uuid:1', regId: 2 };
    const row = (name: string, more: string) => ({
      name: 'Contact',
      value: `<sip:${name}@192.0.2.1>${more}`,
    });
    const headers = [
      { name: 'Contact', value: `<${OWN_CONTACT}>;expires=1` },
      row('a', ';expires=2;+sip.instance="<urn:uuid:2>";reg-id=2'),
      row('b', ';expires=3;+sip.instance="<urn:uuid:1>";reg-id=1'),
      row('c', ';expires=4;+sip.instance="<urn:uuid:1>";reg-id=2'),
    ];
    expect(grantOf(headers, own, 3600, 1)).toMatchObject({ grantedSeconds: 4, matchedBy: 'instance' });
    // Without outbound our earlier addresses may still be bound under the same instance: then the URI decides.
    expect(grantOf(headers, { ...own, regId: null }, 3600, 1)).toMatchObject({ grantedSeconds: 1 });
    expect(grantOf(headers.slice(1, 3), { ...own, regId: null }, 3600, 1)).toMatchObject({
      grantedSeconds: 3,
    });
    expect(grantOf(headers.slice(0, 2), own, 3600, 1)).toMatchObject({ grantedSeconds: 1, matchedBy: 'uri' });
  });

  it('does not take one Contact for ours by count when two were sent', () => {
    const line = script({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000' } });
    line.begin();
    line.answer(200, { Contact: OTHER });
    expect(line.outcome()).toMatchObject({ binding: { matchedBy: 'none', grantedSeconds: 900 } });
  });

  it('shows every binding in the order of the answer', () => {
    const line = script();
    line.begin();
    line.answer(200, { Contact: [OTHER, `<${OWN_CONTACT}>;expires=77`, '<tel:+123>'] });
    expect(line.lifecycle().report.bindings).toEqual([
      { uri: 'sip:alice@10.9.9.9:5060', expires: 900, own: false },
      { uri: OWN_CONTACT, expires: 77, own: true },
      { uri: 'tel:+123', expires: null, own: false },
    ]);
  });

  it('T17 of 0 s for our Contact is a failure, not a loop', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(0));
    expect(line.failure()).toMatchObject({ code: 'register.removed', status: 200 });
    expect(line.state()).toBe('waiting');
    expect((line.wakeAt() ?? 0) - line.now()).toBeGreaterThanOrEqual(300_000);
    expect(line.registration().boundContact).toBeNull();
  });
});

describe('a Contact of an earlier run', () => {
  const bound = 'sip:alice@10.0.0.5:4000';

  it('R129 R483 is removed in the REGISTER that brings the new one', () => {
    const line = script({ beginnings: { boundContact: bound } });
    line.begin();
    expect(line.sent[0]?.rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`, `<${bound}>;expires=0`]);
    line.answer(200, granted(60));
    line.pass(30_000);
    expect(line.sent[1]?.rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`]);
  });

  it.each([`${OWN_CONTACT};ob`, 'nonsense\r\nEvil: 1'])(
    'is left alone when it is the same or none: %s',
    (boundContact) => {
      const line = script({ beginnings: { boundContact } });
      line.begin();
      expect(line.sent[0]?.rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=3600`]);
    },
  );
});

describe('a removal', () => {
  const bound = 'sip:alice@10.0.0.5:4000';

  it('R125 R127 R128 T15 removes our own Contact and no other, authenticated', () => {
    const contact = { uri: null, user: 'alice', uriParams: [], params: [{ name: 'q', value: '0.5' }] };
    const line = script({ beginnings: { boundContact: bound }, plan: { contact } });
    line.begin('remove');
    expect(line.state()).toBe('unregistering');
    expect(line.sent[0]?.rows('Contact')).toEqual([`<${bound}>;expires=0`]);
    expect(line.sent[0]?.row('Expires')).toBe('0');
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    expect(line.sent[1]?.rows('Contact')).toEqual([`<${bound}>;expires=0`]);
    line.answer(200, { Contact: OTHER });
    expect(line.outcome()).toEqual({
      type: 'removed',
      bindings: [{ uri: 'sip:alice@10.9.9.9:5060', expires: 900, own: false }],
    });
    expect(line.registration().boundContact).toBeNull();
    expect([line.state(), line.wakeAt()]).toEqual(['unregistered', undefined]);
  });

  it.each<[string, AnswerHeaders]>([
    ['no Contact', {}],
    ['our Contact with expires=0', { Contact: `<${bound}>;expires=0` }],
    ['our Contact and Expires: 0', { Contact: `<${bound}>`, Expires: '0' }],
  ])('R132 has worked when the answer has %s', (_, headers) => {
    const line = script({ beginnings: { boundContact: bound } });
    line.begin('remove');
    line.answer(200, headers);
    expect(line.outcome().type).toBe('removed');
  });

  it('has not worked when our Contact is still there', () => {
    const line = script({ beginnings: { boundContact: bound } });
    line.begin('remove');
    line.answer(200, { Contact: `<${bound}>;expires=20` });
    expect(line.failure()).toMatchObject({ code: 'register.rejected', status: 200 });
    expect(line.failure()?.cause).toContain('the contact that');
    expect([line.state(), line.wakeAt()]).toEqual(['registered', undefined]);
  });

  it('of everything has not worked when anything is still there', () => {
    const line = script();
    line.begin('remove-all');
    line.answer(200, { Contact: [OTHER, '<sip:x@10.9.9.8>'] });
    expect(line.failure()?.cause).toContain('2 contacts');
    expect(line.state()).toBe('unregistered');
    line.begin('remove-all');
    line.answer(200);
    expect(line.outcome().type).toBe('removed');
  });

  it('of a Contact that is not known takes that of the flow', () => {
    for (const boundContact of [null, 'nonsense']) {
      const line = script({ beginnings: { boundContact } });
      line.begin('remove');
      expect(line.sent[0]?.rows('Contact')).toEqual([`<${OWN_CONTACT}>;expires=0`]);
    }
  });
});

describe('a query', () => {
  it('R119 marks what is ours', () => {
    const plan: ChosenPlan = {
      contact: { uri: uri('sip:trunk@10.9.9.9'), user: '', uriParams: [], params: [] },
    };
    const line = script({ plan });
    line.begin('query');
    expect(line.state()).toBe('unregistered');
    line.answer(200, { Contact: ['<sip:trunk@10.9.9.9>;expires=10', OTHER] });
    expect(line.outcome()).toMatchObject({ type: 'listed', bindings: [{ own: true }, { own: false }] });
    expect(line.state()).toBe('registered');
  });

  it('without anything of ours says unregistered', () => {
    const line = script();
    line.begin('query');
    line.answer(200, { Contact: OTHER });
    expect(line.state()).toBe('unregistered');
    line.begin('query');
    line.answer(404);
    expect(line.state()).toBe('unregistered');
  });
});

describe('a 423', () => {
  const intervals = (line: ReturnType<typeof script>) => line.sent.map((request) => request.row('Expires'));

  it('R137 T12 raises the interval to Min-Expires, and keeps it through a challenge and the refresh', () => {
    const line = script({ plan: { expires: 60 } });
    line.begin();
    line.answer(423, { 'Min-Expires': '100' });
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(200, granted(100));
    line.pass(60_000);
    expect(intervals(line)).toEqual(['60', '100', '100', '100']);
    expect(line.sent.at(-1)?.row('Contact')).toContain('expires=100');
  });

  it.each<[string, AnswerHeaders]>([
    ['without Min-Expires', {}],
    ['with 0', { 'Min-Expires': '0' }],
    ['with words', { 'Min-Expires': 'more' }],
    ['with no more than we asked for', { 'Min-Expires': '60' }],
    ['with more than a year', { 'Min-Expires': '99999999' }],
  ])('R138 R192 T12 %s is worth one doubled try, which is not kept', (_, headers) => {
    const line = script({ plan: { expires: 60 } });
    line.begin();
    line.answer(423, headers);
    line.answer(423, headers);
    expect(intervals(line)).toEqual(['60', '120']);
    expect(line.failure()).toMatchObject({ code: 'register.interval', status: 423 });
    expect(line.registration().interval).toBe(60);
  });

  it('R138 that raises again and again is followed three times', () => {
    const line = script({ plan: { expires: 60 } });
    line.begin();
    for (let times = 1; times < 9 && line.outcomes.length === 0; times++) {
      line.answer(423, { 'Min-Expires': String(60 + times) });
    }
    expect(intervals(line)).toEqual(['60', '61', '62', '63']);
    expect(line.failure()?.cause).toContain('Min-Expires 64');
  });

  it('T12 to a removal is a failure', () => {
    const line = script({ beginnings: { boundContact: OWN_CONTACT } });
    line.begin('remove');
    line.answer(423, { 'Min-Expires': '60' });
    expect(line.failure()?.code).toBe('register.interval');
    expect(line.registration().interval).toBe(3600);
  });

  it('to a removal does not make the next REGISTER ask for too little again', () => {
    const line = script({ plan: { expires: 60 } });
    line.begin();
    line.answer(423, { 'Min-Expires': '1800' });
    line.answer(200, granted(1800));
    line.begin('remove');
    line.answer(423, { 'Min-Expires': '60' });
    line.begin();
    expect(line.sent.at(-1)?.row('Expires')).toBe('1800');
  });
});

describe('a 420', () => {
  it('R306 is followed without what it names, for good', () => {
    const line = script({ plan: { headers: [{ name: 'Supported', value: 'gruu' }] } });
    line.begin();
    line.answer(420, { Unsupported: 'Path, 100rel' });
    line.answer(420, { Unsupported: 'gruu' });
    expect(line.sent.map((request) => request.rows('Supported'))).toEqual([['path, gruu'], ['gruu'], []]);
    line.answer(420, { Unsupported: 'path' });
    expect(line.failure()).toMatchObject({ code: 'register.extension', status: 420 });
    expect(line.failure()?.cause).toContain('path');
  });
});

describe('a CSeq that the registrar finds too low', () => {
  it.each<[number, string, AnswerHeaders]>([
    [500, 'CSeq is out of order', {}],
    [400, 'Bad Request', { Warning: '399 pbx "Invalid C-Seq"' }],
  ])('R139 T13 (%i %s) leads to a new Call-ID, once', (status, reason, headers) => {
    const line = script();
    line.begin();
    line.answer(status, headers, { reason });
    const second = line.sent[1];
    expect([second?.row('Call-ID'), second?.cseq]).toEqual(['call-2', 1]);
    line.answer(status, headers, { reason });
    expect(line.sent.length).toBe(2);
    expect(line.failure()?.status).toBe(status);
  });

  it('R205 takes no answer to a proxy along to the new Call-ID, but the one to the registrar', () => {
    const line = script();
    line.begin();
    line.answer(407, { 'Proxy-Authenticate': challenge('p1') });
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    expect(line.sent[2]?.rows('Proxy-Authorization').length).toBe(1);
    line.answer(500, {}, { reason: 'CSeq is out of order' });
    expect(line.sent[3]?.row('Call-ID')).toBe('call-2');
    expect(line.sent[3]?.rows('Proxy-Authorization')).toEqual([]);
    expect(line.sent[3]?.row('Authorization')).toContain('nonce="n1"');
  });

  it('is not seen in other answers', () => {
    const line = script();
    line.begin();
    line.answer(404, {}, { reason: 'No such CSeq' });
    expect(line.sent.length).toBe(1);
  });
});

describe('the numbers', () => {
  it('R109 R477 are durable before they are used, and rise by one', () => {
    const line = script({
      beginnings: { identity: { callId: 'kept', fromTag: 't', cseq: 7, reservedThrough: 7 } },
      manual: ['reserveCseq'],
    });
    line.begin();
    expect(line.sent).toEqual([]);
    line.step({ type: 'cseqReserved', callId: 'kept', firstCseq: 8, lastCseq: 9 });
    line.step({ type: 'cseqReserved', callId: 'kept', firstCseq: 18, lastCseq: 19 });
    line.answer(401, { 'WWW-Authenticate': challenge('n1') });
    line.answer(401, { 'WWW-Authenticate': challenge('n2', ', stale=true') });
    expect(line.sent.map(({ cseq }) => cseq)).toEqual([8, 9]);
    line.step({ type: 'cseqReserved', callId: 'kept', firstCseq: 10, lastCseq: 19 });
    expect(line.sent.map(({ cseq }) => cseq)).toEqual([8, 9, 10]);
  });
});
