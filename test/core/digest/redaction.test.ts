// No digest response may be read off a shown message, however it is written (properties), and what helps stays.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactAuthorization, redactMessageText } from '../../../src/core/digest/redaction.ts';

const RESPONSE = '6629fae49393a05397450978507c4ef1';
const CNONCE = '0a4f113b0a4f113b0a4f113b0a4f113b';
const VALUE = `Digest username="alice", realm="example.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:example.com", response="${RESPONSE}", algorithm=MD5, cnonce="${CNONCE}", opaque="", qop=auth, nc=0000002a`;
const REDACTED =
  'Digest username="alice", realm="example.com", nonce="dcd98b71…", uri="sip:example.com", response="…", algorithm=MD5, cnonce="…", opaque="", qop=auth, nc=0000002a';

describe('redactAuthorization', () => {
  it('hides response and cnonce, and keeps what explains a failure', () => {
    expect(redactAuthorization(VALUE)).toBe(REDACTED);
  });

  it('shows that the first Authorization of an IMS client is empty', () => {
    const value = 'Digest username="a", realm="r", uri="sip:r", nonce="", response=""';
    expect(redactAuthorization(value)).toBe(value);
  });

  it.each([
    ['another scheme', 'Basic YWxpY2U6c2VjcmV0'],
    ['a bare hash', RESPONSE],
    ['nothing', ''],
  ])('hides %s altogether', (_, value) => {
    expect(redactAuthorization(value)).toBe('…');
  });

  it.each([
    ['an open quote', `Digest realm="a, response=${RESPONSE}`],
    ['quotes out of step', `Digest realm="a, response="${RESPONSE}", x="`],
    ['a missing comma', `Digest realm="a" response="${RESPONSE}"`],
    ['a stray word', `Digest ${RESPONSE}, realm="a"`],
    ['a comma at the end', `Digest response="${RESPONSE}",`],
  ])('hides the parameters after %s', (_, value) => {
    expect(redactAuthorization(value)).toBe('Digest …');
  });

  it.each(['realm', 'username', 'uri', 'qop', 'nc', 'algorithm', 'userhash', 'x', 'opaque', 'username*'])(
    'hides a hash that stands in %s',
    (name) => {
      for (const written of [RESPONSE, `"${RESPONSE}"`, `"a ${RESPONSE}"`, `"\\"${RESPONSE}"`]) {
        expect(redactAuthorization(`Digest ${name}=${written}, nc=00000001`)).not.toContain(RESPONSE);
      }
    },
  );
});

describe('redactMessageText', () => {
  const message = (headers: readonly string[], body = '') =>
    ['REGISTER sip:example.com SIP/2.0', 'Call-ID: 1', ...headers, 'CSeq: 2 REGISTER', '', body].join('\r\n');

  it('changes nothing but the credentials', () => {
    expect(redactMessageText(message([`Authorization: ${VALUE}`]))).toBe(
      message([`Authorization: ${REDACTED}`]),
    );
    const challenge = message([
      'WWW-Authenticate: Digest realm="r", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
    ]);
    expect(redactMessageText(challenge)).toBe(challenge);
  });

  it.each([
    ['several rows', [`Authorization: ${VALUE}`, `Proxy-Authorization: ${VALUE}`, `Authorization: ${VALUE}`]],
    ['any case', [`AUTHORIZATION: ${VALUE}`, `proxy-authorization  :${VALUE}`]],
    ['folded rows', [`Authorization: ${VALUE.replaceAll(', ', ',\r\n\t ')}`, `authorization:\r\n ${VALUE}`]],
    [
      'a fold inside the value',
      [`Authorization: Digest response="${RESPONSE.slice(0, 9)}\r\n ${RESPONSE.slice(9)}"`],
    ],
    ['bare line ends', [`X: 1\nAuthorization: ${VALUE}\rProxy-Authorization: ${VALUE}`]],
    ['a row that looks folded', [`Subject: x\r\n Authorization: Digest username="a", response=${RESPONSE}`]],
    ['a folded name', [`Authorization\r\n : ${VALUE}`]],
    ['a bare hash', [`Authorization: ${RESPONSE}`]],
    ['rspauth', [`Authentication-Info: rspauth="${RESPONSE}", nc=00000001`]],
    ['rspauth of a proxy', [`proxy-authentication-INFO: qop=auth, rspauth=${RESPONSE}`]],
    ['a broken Authentication-Info', [`Authentication-Info: "${RESPONSE}`]],
    ['a URI with headers', [`Contact: <sip:a@b?Authorization=Digest%20response%3D%22${RESPONSE}%22>`]],
    ['an echo', [`Warning: 399 x "response=\\"${RESPONSE}\\""`]],
    ['an echo behind a mark like ours', [`X: response="…${RESPONSE}", response=…${RESPONSE}`]],
  ])('hides proofs in %s', (_, headers) => {
    const shown = redactMessageText(message(headers));
    expect(shown).not.toContain(RESPONSE);
    expect(shown).not.toContain(RESPONSE.slice(9));
    expect(shown).not.toContain(CNONCE);
    expect(shown).toContain('Call-ID: 1');
  });

  it('hides them in a body too', () => {
    const body = `REGISTER sip:x SIP/2.0\r\nAuthorization: ${VALUE}\r\n\r\n`;
    expect(redactMessageText(message([], body))).not.toContain(RESPONSE);
  });

  it('keeps in Authentication-Info that there is a next nonce', () => {
    const text = message(['Authentication-Info: nextnonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"']);
    expect(redactMessageText(text)).toContain('Authentication-Info: nextnonce="dcd98b71…"');
  });

  it('hides a message that was cut off anywhere', () => {
    const text = message([`Authorization: ${VALUE}`]);
    const proofs = [RESPONSE, CNONCE].map((proof) => proof.slice(0, 8));
    for (let end = 0; end <= text.length; end += 1) {
      const shown = redactMessageText(text.slice(0, end));
      for (const proof of proofs) expect(shown).not.toContain(proof);
    }
  });

  const junk = fc.string({
    unit: fc.constantFrom(
      'a',
      '"',
      '\\',
      ',',
      '=',
      ' ',
      ';',
      '\t',
      '…',
      'realm',
      'nonce=',
      'Digest ',
      '\r\n ',
      'response',
    ),
    maxLength: 25,
  });

  it('leaves no response value in a credentials row, whatever stands around it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          'Authorization',
          'PROXY-Authorization',
          'authentication-info',
          'Proxy-Authentication-Info',
        ),
        junk,
        junk,
        (name, before, after) => {
          const shown = redactMessageText(message([`${name}: ${before}${RESPONSE}${after}`]));
          expect(shown).not.toContain(RESPONSE);
          expect(shown).toContain('Call-ID: 1');
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('may be done twice: what was redacted stays as it is', () => {
    fc.assert(
      fc.property(junk, (before) => {
        const once = redactMessageText(message([`Authorization: ${before}${VALUE}`]));
        expect(redactMessageText(once)).toBe(once);
      }),
    );
  });

  it.each(['\r\n', ' ', 'Authorization:\n', 'response=', 'response="', '"\\', 'Authorization: a=b ', 'a=,'])(
    'costs linear time: %j',
    (piece) => {
      expect(redactMessageText(`Authorization: Digest ${piece.repeat(50_000)}x`).length).toBeGreaterThan(0);
    },
  );
});
