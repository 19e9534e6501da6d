// The 50 torture messages of RFC 4475 and the register flows of RFC 3665: what the codec makes of each of them, and
// that it is what the RFC asks for.

import { describe, expect, it } from 'vitest';
import { formatMessage } from '../../../src/core/sip/format.ts';
import { endOfHead } from '../../../src/core/sip/head.ts';
import { headerRows, headerValue, listValues } from '../../../src/core/sip/headers.ts';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import type { SipMessage } from '../../../src/core/sip/message.ts';
import { type NameAddr, parseContacts, parseNameAddr } from '../../../src/core/sip/name-addr.ts';
import { parseCSeq, parseDeltaSeconds, parseRetryAfter } from '../../../src/core/sip/numbers.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import {
  type Param,
  param,
  paramValue,
  parseUri,
  type SipUri,
  unescape as unescaped,
} from '../../../src/core/sip/uri.ts';
import { parseVia, viaCount } from '../../../src/core/sip/via.ts';
import { parsed, readJsonVector, readVector, type TortureCase, unwrapped } from './vectors.ts';

/** What becomes of a message: `normal` for one that is used, a status for a request that is refused, `drop`. */
type Outcome = 'normal' | 'drop' | 400 | 416 | 505;

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  wsinv: 'normal',
  intmeth: 'normal',
  esc01: 'normal',
  escnull: 'normal',
  esc02: 'normal',
  lwsdisp: 'normal',
  longreq: 'normal',
  dblreq: 'normal',
  semiuri: 'normal',
  transports: 'normal',
  mpart01: 'normal',
  unreason: 'normal',
  noreason: 'normal',
  badinv01: 400,
  clerr: 400,
  ncl: 400,
  scalar02: 400,
  scalarlg: 'drop',
  quotbal: 400,
  ltgtruri: 400,
  lwsruri: 400,
  lwsstart: 'normal',
  trws: 'normal',
  escruri: 'normal',
  baddate: 'normal',
  regbadct: 'normal',
  badaspec: 'normal',
  baddn: 400,
  badvers: 505,
  mismatch01: 400,
  mismatch02: 400,
  bigcode: 'drop',
  badbranch: 400,
  insuf: 400,
  unkscm: 416,
  novelsc: 416,
  unksm2: 'normal',
  bext01: 'normal',
  invut: 'normal',
  regaut01: 'normal',
  multi01: 400,
  mcl01: 400,
  bcast: 'drop',
  zeromf: 'normal',
  cparam01: 'normal',
  cparam02: 'normal',
  regescrt: 'normal',
  sdp01: 'normal',
  inv2543: 'normal',
  test: 'drop',
};

const { messages: CASES } = readJsonVector<{ messages: readonly TortureCase[] }>('rfc4475/manifest.json');

/** What a user agent does with `bytes`, as far as the codec decides it. */
function outcomeOf(bytes: Uint8Array): Outcome {
  const result = parseMessage(bytes);
  if (!result.ok) return result.error.head?.kind === 'request' ? 400 : 'drop';
  if (result.value.kind === 'response') {
    const usable =
      parseCSeq(headerValue(result.value.headers, 'CSeq') ?? '').ok && viaCount(result.value) === 1;
    return usable ? 'normal' : 'drop';
  }
  const check = checkRequest(result.value);
  if (check.ok) return 'normal';
  return check.error.answerable ? check.error.status : 'drop';
}

/** The message, or as much of it as could be read. */
function readable(bytes: Uint8Array): SipMessage {
  const result = parseMessage(bytes);
  const message = result.ok ? result.value : result.error.head;
  if (message === null) throw new Error('nothing could be read');
  return message;
}

const nameAddr = (message: SipMessage, name: string): NameAddr =>
  unwrapped(parseNameAddr(listValues(message.headers, name)[0] ?? ''));
const uriOf = (message: SipMessage, name: string): SipUri => unwrapped(parseUri(nameAddr(message, name).uri));
const requestUri = (message: SipMessage): SipUri =>
  unwrapped(parseUri(message.kind === 'request' ? message.uri : ''));
const userOf = (uri: SipUri): string => unescaped(uri.user ?? '');
const number = (message: SipMessage, name: string): number | null =>
  parseDeltaSeconds(headerValue(message.headers, name) ?? '');
const record = (params: readonly Param[]): Record<string, string | null> =>
  Object.fromEntries(
    params.map(({ name, value }) => [unescaped(name), value === null ? null : unescaped(value)]),
  );
const bodyLength = (_: SipMessage, bytes: Uint8Array): number => bytes.length - endOfHead(bytes, 0);

/** How each expectation of the manifest is read from a message. */
const FACTS: Readonly<Record<string, (message: SipMessage, bytes: Uint8Array) => unknown>> = {
  method: (message) => message.kind === 'request' && message.method,
  status: (message) => message.kind === 'response' && message.status,
  reason: (message) => message.kind === 'response' && message.reason,
  requestUri: (message) => message.kind === 'request' && message.uri,
  requestUriUserDecoded: (message) => userOf(requestUri(message)),
  requestUriHost: (message) => requestUri(message).host,
  requestUriParams: (message) => record(requestUri(message).params),
  maxForwards: (message) => number(message, 'Max-Forwards'),
  cseq: (message) => unwrapped(parseCSeq(headerValue(message.headers, 'CSeq') ?? '')).number,
  callId: (message) => headerValue(message.headers, 'Call-ID'),
  subject: (message) => headerValue(message.headers, 'Subject'),
  routeCount: (message) => listValues(message.headers, 'Route').length,
  viaCount: (message) => viaCount(message),
  viaTransports: (message) =>
    listValues(message.headers, 'Via').map((value) => unwrapped(parseVia(value)).transport),
  viaRport: (message) => {
    const [value = ''] = listValues(message.headers, 'Via');
    return param(unwrapped(parseVia(value)).params, 'rport') !== undefined;
  },
  fromTag: (message) => paramValue(nameAddr(message, 'From').params, 'tag'),
  fromDisplay: (message) => nameAddr(message, 'From').displayName,
  fromUserDecoded: (message) => userOf(uriOf(message, 'From')),
  toTag: (message) => paramValue(nameAddr(message, 'To').params, 'tag'),
  toDisplay: (message) => nameAddr(message, 'To').displayName,
  toUserDecoded: (message) => userOf(uriOf(message, 'To')),
  contactCount: (message) => parseContacts(message.headers).contacts.length,
  contactDisplay: (message) => nameAddr(message, 'Contact').displayName,
  contactQ: (message) => Number(paramValue(nameAddr(message, 'Contact').params, 'q')),
  contactUserDecoded: (message) => userOf(uriOf(message, 'Contact')),
  contactParams: (message) => record(nameAddr(message, 'Contact').params),
  contactUriParams: (message) => record(uriOf(message, 'Contact').params),
  contactUriHeaders: (message) => record(uriOf(message, 'Contact').headers),
  contentLength: (message) => number(message, 'Content-Length'),
  bodyLength,
  bodyLengthUdp: (message) => message.body.length,
  trailingOctetsIgnored: (message, bytes) => bodyLength(message, bytes) - message.body.length,
  unsupported: (message) => listValues(message.headers, 'Require'),
};

describe('RFC 4475', () => {
  it('has an outcome for each of the 50 messages', () => {
    expect(CASES).toHaveLength(50);
    expect(Object.keys(OUTCOMES).sort()).toEqual(CASES.map(({ name }) => name).sort());
  });

  it.each(CASES)('§$section $name ($title) has the outcome that is written here', ({ name, file }) => {
    expect(outcomeOf(readVector(`rfc4475/${file}`))).toBe(OUTCOMES[name]);
  });

  it.each(CASES)('§$section $name is treated as the RFC allows', ({ name, validity, endpointResponse }) => {
    const outcome = OUTCOMES[name];
    if (outcome === 'normal')
      expect(validity !== 'invalid' || endpointResponse.includes('normal')).toBe(true);
    else expect(endpointResponse).toContain(outcome);
  });

  const facts = CASES.flatMap(({ file, expect: wanted }) =>
    Object.entries(wanted).map(([fact, value]) => ({ file, fact, value })),
  );

  it.each(facts)('$file: $fact is $value', ({ file, fact, value }) => {
    const bytes = readVector(`rfc4475/${file}`);
    expect(FACTS[fact]?.(readable(bytes), bytes)).toEqual(value);
  });

  it('R010 R011 R013 R014 R016 R022 wsinv and longreq pass every check', () => {
    for (const name of ['wsinv', 'longreq'])
      expect(outcomeOf(readVector(`rfc4475/${name}.dat`))).toBe('normal');
  });

  it('R068 R188 scalarlg: its CSeq is refused and its Retry-After does not overflow', () => {
    const { headers } = parsed(readVector('rfc4475/scalarlg.dat'));
    expect(parseCSeq(headerValue(headers, 'CSeq') ?? '').ok).toBe(false);
    expect(parseRetryAfter(headerValue(headers, 'Retry-After') ?? '')).toBe(86_400);
  });

  it('R114 R188 scalar02: its expiries are malformed, which the registrar takes as 3600', () => {
    const { headers } = parsed(readVector('rfc4475/scalar02.dat'));
    expect(parseDeltaSeconds(headerValue(headers, 'Expires') ?? '')).toBeNull();
    const [contact] = parseContacts(headers).contacts;
    expect(parseDeltaSeconds(paramValue(contact?.params ?? [], 'expires') ?? '')).toBeNull();
  });

  it('R189 baddate: a bad Date rejects nothing', () => {
    expect(outcomeOf(readVector('rfc4475/baddate.dat'))).toBe('normal');
  });

  it('R215 cparam01 and cparam02: brackets decide whose parameter it is', () => {
    const contactOf = (name: string): NameAddr =>
      nameAddr(parsed(readVector(`rfc4475/${name}.dat`)), 'Contact');
    expect(contactOf('cparam01')).toMatchObject({ params: [{ name: 'unknownparam' }] });
    expect(contactOf('cparam02')).toMatchObject({
      params: [],
      uri: 'sip:+19725552222@gw1.example.net;unknownparam',
    });
  });

  it('R023 regbadct: a Contact that needs brackets and has none is left out', () => {
    expect(parseContacts(parsed(readVector('rfc4475/regbadct.dat')).headers).contacts).toEqual([]);
  });

  it('baddn with its empty line is refused for its From', () => {
    expect(outcomeOf(readVector('rfc4475/baddn.terminated.dat'))).toBe(400);
  });

  it.each(CASES)('$name: what was parsed can be sent back and reads the same', ({ file }) => {
    const result = parseMessage(readVector(`rfc4475/${file}`));
    if (!result.ok) {
      expect(result.error.code).toMatch(/^SIP_PARSE_/);
      return;
    }
    // As an answer would: a Request-URI is never sent back.
    const echoed = {
      ...result.value,
      kind: 'response',
      version: 'SIP/2.0',
      status: 200,
      reason: 'OK',
    } as const;
    const headers = result.value.headers.filter(({ name }) => name !== 'Content-Length');
    expect(parsed(formatMessage({ ...echoed, headers })).headers.slice(0, -1)).toEqual(headers);
  });
});

describe('RFC 3665 §2', () => {
  type Flow = { readonly file: string; readonly startLine: string; readonly name: string };
  const { messages } = readJsonVector<{ messages: readonly Flow[] }>('rfc3665/manifest.json');

  it.each(messages)('$name $startLine', ({ file, startLine }) => {
    const bytes = readVector(`rfc3665/${file}`);
    expect(outcomeOf(bytes)).toBe('normal');
    const again = new TextDecoder().decode(formatMessage(parsed(bytes)));
    expect(again.split('\r\n', 1)[0]).toBe(startLine);
  });

  it('2.1-F2 has its challenge as one unfolded row', () => {
    const [challenge, ...more] = headerRows(
      parsed(readVector('rfc3665/2.1-F2.dat')).headers,
      'WWW-Authenticate',
    );
    expect(challenge).toMatch(/^Digest realm="atlanta\.example\.com",\s?qop="auth"/);
    expect(more).toEqual([]);
  });

  it('R012 2.2-F2 has two Contacts, one of them no SIP URI; 2.4-F1 has the star', () => {
    const contacts = (name: string): ReturnType<typeof parseContacts> =>
      parseContacts(parsed(readVector(`rfc3665/${name}.dat`)).headers);
    expect(contacts('2.2-F2').contacts.map(({ uri }) => uri)).toEqual([
      'sips:bob@client.biloxi.example.com',
      'mailto:bob@biloxi.example.com',
    ]);
    expect(contacts('2.4-F1')).toEqual({ star: true, contacts: [] });
  });
});
