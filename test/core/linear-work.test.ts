// Hostile texts as large as a message may be: reading one four times as long takes about four times as long. A reader
// that is quadratic takes sixteen times. Clocks are noisy, so the best of several runs counts, and a slow look is
// repeated before it is believed.

import { describe, expect, it } from 'vitest';
import { parseAuthenticationInfo } from '../../src/core/digest/authentication-info.ts';
import { parseChallenges } from '../../src/core/digest/challenge.ts';
import { redactMessageText } from '../../src/core/digest/redaction.ts';
import { parseAuthorization } from '../../src/core/digest/verification.ts';
import { answerInWords, printable } from '../../src/core/health/evidence.ts';
import { grantOf } from '../../src/core/registration/binding.ts';
import { ownUri } from '../../src/core/registration/contact.ts';
import { emptyFramer, pushBytes } from '../../src/core/sip/framer.ts';
import { listValues } from '../../src/core/sip/headers.ts';
import { MAX_HEAD_BYTES } from '../../src/core/sip/limits.ts';
import { checkRequest } from '../../src/core/sip/mandatory.ts';
import { parseContacts, parseNameAddr } from '../../src/core/sip/name-addr.ts';
import { parseRetryAfter } from '../../src/core/sip/numbers.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { parseUri } from '../../src/core/sip/uri.ts';
import { sameUri } from '../../src/core/sip/uri-compare.ts';
import { parseVia } from '../../src/core/sip/via.ts';

const LENGTH = MAX_HEAD_BYTES - 512;
const OPTIONS = 'OPTIONS sip:a@b SIP/2.0\r\n';
const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);

function readMessage(text: string): void {
  const parsed = parseMessage(bytesOf(`${OPTIONS}${text}\r\n\r\n`));
  if (parsed.ok && parsed.value.kind === 'request') checkRequest(parsed.value);
  if (parsed.ok && parsed.value.kind === 'response') answerInWords(parsed.value);
}

function compareUri(text: string): void {
  const uri = parseUri(text);
  if (uri.ok) sameUri(uri.value, uri.value);
}

function readGrant(text: string): void {
  const own = parseUri('sip:alice@192.0.2.7:5070');
  if (!own.ok) throw new Error('it is a URI');
  const contact = { ...ownUri(own.value), instanceId: '<urn:uuid:0>', regId: 1 };
  grantOf([{ name: 'Contact', value: text }], contact, 3600, 1);
}

/** What reads text of the network, each with how such a text begins where it matters. */
const READERS: readonly (readonly [string, readonly string[], (text: string) => unknown])[] = [
  ['a message', ['', 'X: ', 'Via: SIP/2.0/UDP ', 'From: <', 'CSeq: 1 '], readMessage],
  ['a start line', ['', 'SIP/2.0 200 ', 'A '], (text) => parseMessage(bytesOf(text))],
  ['a stream', ['', 'SIP/2.0 200 ', OPTIONS], (text) => pushBytes(emptyFramer(), bytesOf(text))],
  ['a list', ['', '<'], (text) => listValues([{ name: 'Path', value: text }], 'Path')],
  ['Contacts', ['', '<sip:a@b>'], (text) => parseContacts([{ name: 'Contact', value: text }])],
  ['a grant', ['', '<sip:a@b>'], readGrant],
  ['a name-addr', ['', '"', '<sip:a@b>'], parseNameAddr],
  ['a URI', ['sip:', 'sip:a@', 'sip:h;', 'sip:h?'], compareUri],
  ['a Via', ['', 'SIP/2.0/UDP ', 'SIP/2.0/UDP h'], parseVia],
  ['a Retry-After', ['', '5 '], parseRetryAfter],
  [
    'a challenge',
    ['', 'Digest ', 'Digest nonce="'],
    (text) => parseChallenges([{ name: 'WWW-Authenticate', value: text }]),
  ],
  [
    'an Authentication-Info',
    ['', 'nextnonce="'],
    (text) => parseAuthenticationInfo([{ name: 'Authentication-Info', value: text }], 'www'),
  ],
  ['credentials', ['Digest ', 'Digest username="', "Digest username*=UTF-8''"], parseAuthorization],
  ['a text to redact', ['', 'response=', 'Authorization: Digest '], redactMessageText],
  ['evidence', [''], printable],
];

const UNITS = [
  ...[
    '"',
    '\\',
    '\\"',
    '<',
    '<>',
    ',',
    ';',
    ';a',
    ';a="',
    'a=',
    'a="b",',
    'a ',
    ' ',
    '\t',
    'a',
    '%',
    '%4',
    '(',
  ],
  ...[
    '(")',
    '=',
    '=,',
    '\r',
    '\n',
    '\r\n',
    '\r\n ',
    '\r ',
    '\r\na',
    '\r\na:',
    '\r\n:',
    '\r\nx: y',
    '@',
    '?',
    '&',
    '[',
  ],
  ...[
    'response=',
    'response= ',
    'response',
    'rspauth=\\',
    '\r\nAuthorization: Digest ',
    'Digest a=',
    ',Digest ',
  ],
  ...[
    'nonce=a,',
    '0',
    '::',
    '1.',
    '\0',
    '\\\0',
    '\u202e',
    '…',
    'ü',
    '0123456789abcdef',
    'SIP/',
    'sip:',
    '<sip:a>,',
  ],
];

/** Runs of each text in one look; the best counts. */
const RUNS = 3;
const FEWEST_LOOKS = 2;
const MOST_LOOKS = 6;
/** What four times the length may take: quadratic work takes 16 times. */
const MOST_TIMES = 9;
/** Below this a difference says nothing. */
const NOISE_MS = 3;

/** Of the processor, so that a busy machine does not count. */
function bestTime(read: (text: string) => unknown, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS && best >= NOISE_MS; run++) {
    const begun = process.cpuUsage();
    read(text);
    const { user, system } = process.cpuUsage(begun);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

function growsLinearly(read: (text: string) => unknown, prefix: string, unit: string): boolean {
  const short = prefix + unit.repeat(LENGTH / 4 / unit.length);
  const long = prefix + unit.repeat(LENGTH / unit.length);
  let shortTime = Number.POSITIVE_INFINITY;
  let longTime = Number.POSITIVE_INFINITY;
  for (let look = 1; look <= MOST_LOOKS; look++) {
    longTime = Math.min(longTime, bestTime(read, long));
    if (longTime < NOISE_MS) return true;
    shortTime = Math.min(shortTime, bestTime(read, short));
    if (look >= FEWEST_LOOKS && longTime <= MOST_TIMES * shortTime) return true;
  }
  return false;
}

describe('the work for one message grows with its length', () => {
  it.each(READERS)('R022 %s', (_, prefixes, read) => {
    const slow = prefixes.flatMap((prefix) =>
      UNITS.filter((unit) => !growsLinearly(read, prefix, unit)).map((unit) => prefix + unit),
    );
    expect(slow).toEqual([]);
  });

  it('finds a reader that is quadratic', () => {
    let highest = 0;
    const quadratic = (text: string): void => {
      for (let at = 0; at < text.length; at += 128) {
        for (let next = at; next < text.length; next++) highest = Math.max(highest, text.charCodeAt(next));
      }
    };
    expect(growsLinearly(quadratic, '', 'a')).toBe(false);
    expect(highest).toBe('a'.charCodeAt(0));
  });
});
