// Messages after the list of RFC 5118 §4, with IPv6 literals wherever they may stand: what the codec makes of them.

import { describe, expect, it } from 'vitest';
import { formatMessage } from '../../../src/core/sip/format.ts';
import { headerValue, listValues } from '../../../src/core/sip/headers.ts';
import { checkRequest } from '../../../src/core/sip/mandatory.ts';
import type { SipRequest } from '../../../src/core/sip/message.ts';
import { parseContacts } from '../../../src/core/sip/name-addr.ts';
import { parseDeltaSeconds } from '../../../src/core/sip/numbers.ts';
import { parseUri, type SipUri } from '../../../src/core/sip/uri.ts';
import { parseVia, receivedAddress, viaCount } from '../../../src/core/sip/via.ts';
import { parsedRequest, readJsonVector, readVector, type TortureCase, unwrapped } from './vectors.ts';

const { messages: CASES } = readJsonVector<{ messages: readonly TortureCase[] }>('rfc5118/manifest.json');

const requestOf = (file: string): SipRequest => parsedRequest(readVector(`rfc5118/${file}`));
const uriOf = (request: SipRequest): SipUri => unwrapped(parseUri(request.uri));

const FACTS: Readonly<Record<string, (request: SipRequest) => unknown>> = {
  method: ({ method }) => method,
  requestUriHost: (request) => uriOf(request).host,
  requestUriPort: (request) => uriOf(request).port,
  callId: ({ headers }) => headerValue(headers, 'Call-ID'),
  contactCount: ({ headers }) => parseContacts(headers).contacts.length,
  contentLength: ({ headers }) => parseDeltaSeconds(headerValue(headers, 'Content-Length') ?? ''),
  viaCount: (request) => viaCount(request),
  viaReceived: ({ headers }) =>
    listValues(headers, 'Via').map((value) => receivedAddress(unwrapped(parseVia(value))).address ?? ''),
};

describe('RFC 5118', () => {
  it('has twelve messages', () => {
    expect(CASES).toHaveLength(12);
  });

  it.each(CASES)('R216 R217 R472 §$section $name ($title) is used or refused as the RFC says', (one) => {
    const check = checkRequest(requestOf(one.file));
    if (check.ok) expect(one.endpointResponse).toContain('normal');
    else expect(one.endpointResponse).toContain(check.error.status);
  });

  const facts = CASES.flatMap(({ file, expect: wanted }) =>
    Object.entries(wanted).map(([fact, value]) => ({ file, fact, value })),
  );

  it.each(facts)('R216 R218 $file: $fact is $value', ({ file, fact, value }) => {
    expect(FACTS[fact]?.(requestOf(file))).toEqual(value);
  });

  it.each(CASES)('$name can be sent back and reads the same', ({ file }) => {
    const { headers, body } = requestOf(file);
    const uri = 'sip:example.com';
    const again = parsedRequest(
      formatMessage({ kind: 'request', method: 'OPTIONS', uri, version: 'SIP/2.0', headers, body }),
    );
    expect(again.headers).toEqual(headers);
    expect(again.body).toEqual(body);
  });

  it('R216 two and three colons are the same address', () => {
    const [two, three] = ['two-colons.dat', 'three-colons.dat'].map((file) => uriOf(requestOf(file)).host);
    expect(three).toBe(two);
  });
});
