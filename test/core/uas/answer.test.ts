// What requests to our contacts are answered: the table of RFC 3261 §8.2 and behaviour.md §22, case by case.

import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import type { SipRequest } from '../../../src/core/sip/message.ts';
import {
  answerTo,
  answerToBroken,
  answerToCancel,
  type ConfiguredAnswer,
} from '../../../src/core/uas/answer.ts';
import type { Answer } from '../../../src/core/uas/response.ts';
import { fieldsOf, request, type Wanted } from './requests.ts';

const NONE: ReadonlyMap<string, ConfiguredAnswer> = new Map();
const WITH_TAG: Wanted = { to: '<sip:alice@example.com>;tag=ours' };

function answers(entries: Readonly<Record<string, number | ConfiguredAnswer>>) {
  return new Map(
    Object.entries(entries).map(([method, answer]) => [
      method,
      typeof answer === 'number' ? { status: answer, contact: null } : answer,
    ]),
  );
}

function answered(
  method: string,
  wanted: Wanted = {},
  configured: ReadonlyMap<string, ConfiguredAnswer> | null = NONE,
  isMerged = false,
): Answer {
  const message = request(method, wanted);
  return answerTo(message, fieldsOf(message), { answers: configured, isMerged });
}

function header(answer: Answer | null, name: string): string | undefined {
  return answer?.headers.find((field) => field.name === name)?.value;
}

/** What a request that is not well-formed gets. */
function refused(message: SipRequest): Answer | null {
  const fields = checkRequest(message);
  if (fields.ok) throw new Error('the request is well-formed');
  return answerToBroken(message, fields.error);
}

function without(name: string): SipRequest {
  const message = request('OPTIONS');
  return { ...message, headers: message.headers.filter((field) => field.name !== name) };
}

const ALLOWED = 'INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY';

describe('methods', () => {
  it.each(['SUBSCRIBE', 'PUBLISH', 'MESSAGE', 'REFER', 'INFO', 'UPDATE'])(
    'R071 R455 R456 R419 refuse %s outside of a dialog with 405 and Allow',
    (method) => {
      const answer = answered(method);
      expect(answer.status).toBe(405);
      expect(header(answer, 'Allow')).toBe(ALLOWED);
    },
  );

  it.each([{}, WITH_TAG])('R086 refuse REGISTER with 405, in whatever dialog', (wanted) => {
    const answer = answered('REGISTER', wanted);
    expect(answer.status).toBe(405);
    expect(header(answer, 'Allow')).toBe(ALLOWED);
  });

  it('R071 do not implement what they have never heard of', () => {
    expect(answered('DANCE', WITH_TAG).status).toBe(501);
    expect(answered('options').status).toBe(501);
  });

  it.each(['INVITE', 'OPTIONS', 'NOTIFY', 'BYE', 'SUBSCRIBE', 'MESSAGE', 'REFER', 'INFO', 'UPDATE', 'PRACK'])(
    'R090 R099 R411 R456 refuse %s in a dialog with 481',
    (method) => expect(answered(method, WITH_TAG).status).toBe(481),
  );

  it.each(['BYE', 'PRACK'])('R091 R452 refuse %s without a dialog with 481', (method) => {
    expect(answered(method).status).toBe(481);
  });

  it('R092 answer a CANCEL by whether there is an INVITE', () => {
    expect(answerToCancel(true).status).toBe(200);
    expect(answerToCancel(false).status).toBe(481);
  });
});

describe('OPTIONS', () => {
  it('R040 R095 R096 is told what we can do', () => {
    const answer = answered('OPTIONS');
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers.map(({ name, value }) => [name, value]))).toEqual({
      Allow: ALLOWED,
      Accept: 'application/sdp',
      'Accept-Encoding': 'identity',
      'Accept-Language': 'en',
      Supported: 'outbound, path',
      'Allow-Events': 'keep-alive, message-summary',
    });
  });

  it.each(['sip:192.0.2.50:40112', 'sip:192.0.2.50;transport=tcp'])(
    'is answered without a user: %s',
    (uri) => {
      expect(answered('OPTIONS', { uri }, null).status).toBe(200);
    },
  );

  it('R095 gets what the account says', () => {
    expect(answered('OPTIONS', {}, answers({ OPTIONS: 486 })).status).toBe(486);
    expect(header(answered('OPTIONS', {}, answers({ OPTIONS: 200 })), 'Allow')).toBe(ALLOWED);
  });

  it('R098 must not require what we do not know', () => {
    expect(answered('OPTIONS', { headers: ['Require: 100rel'] }).status).toBe(420);
  });
});

describe('INVITE', () => {
  it('R100 R101 R103 gets 480', () => {
    expect(answered('INVITE')).toEqual({ status: 480, reason: 'Temporarily Unavailable', headers: [] });
  });

  it.each([
    [486, 'Busy Here'],
    [603, 'Decline'],
    [499, 'Refused'],
    [699, 'Declined'],
  ])('R100 gets what the account says: %i', (status, reason) => {
    expect(answered('INVITE', {}, answers({ INVITE: status }))).toMatchObject({ status, reason });
  });

  it('is sent elsewhere', () => {
    const contact = 'sip:voicemail@example.com;user=phone';
    const answer = answered('INVITE', {}, answers({ INVITE: { status: 302, contact } }));
    expect(answer).toMatchObject({ status: 302, reason: 'Moved Temporarily' });
    expect(header(answer, 'Contact')).toBe(`<${contact}>`);
  });

  it('R102 is told why 488', () => {
    expect(header(answered('INVITE', {}, answers({ INVITE: 488 })), 'Warning')).toMatch(/^304 sipreg "/);
  });

  it('gets Allow with a configured 405', () => {
    expect(header(answered('INVITE', {}, answers({ INVITE: 405 })), 'Allow')).toBe(ALLOWED);
  });

  it('R451 must not require reliable provisional responses', () => {
    const answer = answered('INVITE', { headers: ['Require: 100rel'] });
    expect(header(answer, 'Unsupported')).toBe('100rel');
  });
});

describe('INVITE with Accept', () => {
  it.each([
    ['text/plain, text/html', 406],
    ['text/plain, Application/SDP;level=1', 480],
    ['*/*;q=0.5', 480],
    ['application/*', 480],
    ['', 480],
  ])('of %s gets %i', (accept, status) => {
    expect(answered('INVITE', { headers: [`Accept: ${accept}`] }).status).toBe(status);
    expect(answered('OPTIONS', { headers: [`Accept: ${accept}`] }).status).toBe(200);
  });
});

describe('NOTIFY', () => {
  it.each(['keep-alive', 'message-summary', 'Message-Summary;id=7'])('R422 is taken for %s', (event) => {
    const headers = [`Event: ${event}`, 'Content-Type: application/simple-message-summary'];
    expect(answered('NOTIFY', { headers, body: 'Messages-Waiting: \0\xff' })).toMatchObject({ status: 200 });
  });

  it.each(['Event: check-sync', 'Event: presence', 'X-Event: keep-alive', 'Event: ;'])(
    'R413 is refused with 489 for %s',
    (line) => {
      const answer = answered('NOTIFY', { headers: [line] });
      expect(answer).toMatchObject({ status: 489, reason: 'Bad Event' });
      expect(header(answer, 'Allow-Events')).toBe('keep-alive, message-summary');
    },
  );

  it('is taken without a user', () => {
    const wanted = { uri: 'sip:192.0.2.50', headers: ['Event: keep-alive'] };
    expect(answered('NOTIFY', wanted, null).status).toBe(200);
  });
});

describe('other methods', () => {
  it('get what the account says, and are allowed then', () => {
    const configured = answers({ MESSAGE: 200 });
    expect(answered('MESSAGE', {}, configured).status).toBe(200);
    expect(header(answered('DANCE', {}, configured), 'Allow')).toBe(`${ALLOWED}, MESSAGE`);
  });

  it('R444 are never told 408', () => {
    expect(answered('OPTIONS', {}, answers({ OPTIONS: 408 })).status).toBe(200);
    expect(answered('INVITE', {}, answers({ INVITE: 408 })).status).toBe(408);
    expect(answered('MESSAGE', {}, answers({ MESSAGE: 408 })).status).toBe(405);
  });
});

describe('the checks', () => {
  it('R074 find nobody', () => {
    expect(answered('INVITE', {}, null).status).toBe(404);
    expect(answered('OPTIONS', { uri: 'sip:carol@192.0.2.50' }, null).status).toBe(404);
  });

  it('R076 refuse what was merged', () => {
    expect(answered('INVITE', {}, NONE, true)).toMatchObject({ status: 482 });
  });

  it('R077 name exactly the extensions that are not known', () => {
    const answer = answered('INVITE', { headers: ['Require: path, newThing', 'Require: other'] });
    expect(answer).toMatchObject({ status: 420, reason: 'Bad Extension' });
    expect(header(answer, 'Unsupported')).toBe('newThing, other');
    expect(answered('INVITE', { headers: ['Require: Path, outbound'] }).status).toBe(480);
    expect(answered('INVITE', { headers: ['Proxy-Require: other'] }).status).toBe(480);
  });

  it.each([
    [['Content-Type: application/unknown'], 'Accept', 'application/sdp'],
    [['Content-Type: application/sdp', 'Content-Encoding: gzip'], 'Accept-Encoding', 'identity'],
  ])('R079 refuse content: %s', (headers, name, value) => {
    const answer = answered('INVITE', { headers, body: 'x' });
    expect(answer).toMatchObject({ status: 415, reason: 'Unsupported Media Type' });
    expect(header(answer, name)).toBe(value);
  });

  it.each([
    [['Content-Type: Application/SDP;charset=utf-8', 'Content-Encoding: Identity'], 'x'],
    [['Content-Type: multipart/mixed;boundary=b'], 'x'],
    [['Content-Type: application/unknown', 'Content-Disposition: render;handling=optional'], 'x'],
    [['Content-Type: application/unknown'], ''],
    [[], 'x'],
  ])('R079 let content pass: %s', (headers, body) => {
    expect(answered('INVITE', { headers, body }).status).toBe(480);
  });

  it('R070 come in order: method, dialog, address, forks, extensions, content', () => {
    const bad = {
      headers: ['Require: x', 'Content-Type: application/unknown'],
      body: 'x',
      uri: 'sip:carol@192.0.2.50',
    };
    expect(answered('DANCE', { ...bad, ...WITH_TAG }, null, true).status).toBe(501);
    expect(answered('INVITE', { ...bad, ...WITH_TAG }, null, true).status).toBe(481);
    expect(answered('INVITE', bad, null, true).status).toBe(404);
    expect(answered('INVITE', bad, NONE, true).status).toBe(482);
    expect(answered('INVITE', bad).status).toBe(420);
    expect(answered('INVITE', { ...bad, headers: bad.headers.slice(1) }).status).toBe(415);
  });

  it('R088 take the last hop', () => {
    const message = request('OPTIONS');
    const headers = message.headers.map((field) =>
      field.name === 'Max-Forwards' ? { ...field, value: '0' } : field,
    );
    const last = { ...message, headers };
    expect(answerTo(last, fieldsOf(last), { answers: NONE, isMerged: false }).status).toBe(200);
  });

  it('R072 R466 do not care for what they do not need', () => {
    const headers = [
      'Max-Forwards: many',
      'Contact: "',
      'Date: now',
      'X: \x01',
      'Expires: -1',
      'Max-Breadth: 60',
      'Event',
    ];
    expect(answered('OPTIONS', { headers }).status).toBe(200);
  });

  it('R075 do not care whom To names', () => {
    expect(answered('OPTIONS', { to: 'tel:+4930123456' }).status).toBe(200);
  });
});

describe('what is broken', () => {
  it.each(['From', 'To', 'Call-ID', 'CSeq'])('R087 is told so without %s', (name) => {
    expect(refused(without(name))?.status).toBe(400);
  });

  it('R087 is dropped without a Via', () => {
    expect(refused(without('Via'))).toBeNull();
  });

  it('R087 is told that CSeq has another method', () => {
    expect(refused(request('OPTIONS', { cseq: '1 INVITE' }))?.status).toBe(400);
  });

  it('R158 is told that the branch is no branch', () => {
    const via = 'SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK';
    expect(refused(request('OPTIONS', { via }))?.status).toBe(400);
  });

  it('R073 is told that its scheme is not known, unless its method is not either', () => {
    const uri = 'tel:+4930123456';
    expect(refused(request('OPTIONS', { uri }))?.status).toBe(416);
    expect(refused(request('DANCE', { uri }))?.status).toBe(501);
    expect(refused(request('REGISTER', { uri }))?.status).toBe(405);
  });

  it('R089 is told that its version is not known', () => {
    expect(refused({ ...request('OPTIONS'), version: 'SIP/3.0' })?.status).toBe(505);
  });

  it('R093 is never told anything when it is an ACK', () => {
    expect(refused(request('ACK', { cseq: '1 INVITE' }))).toBeNull();
  });
});
