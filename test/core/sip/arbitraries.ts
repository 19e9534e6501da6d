// Random SIP elements for round trips: everything that the codec can write, odd characters included.

import fc from 'fast-check';
import type { HeaderField, SipMessage } from '../../../src/core/sip/message.ts';
import type { NameAddr } from '../../../src/core/sip/name-addr.ts';
import { quote } from '../../../src/core/sip/scan.ts';
import { escapeUser, formatUri, type Param, type SipUri } from '../../../src/core/sip/uri.ts';
import type { Via } from '../../../src/core/sip/via.ts';

const TOKEN_CHARACTERS = "abcXYZ019-.!%*_+`'~";
const HOST_CHARACTERS = 'abcXYZ019-.';

const textFrom = (characters: string, minLength: number, maxLength = 12): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });

export const token = textFrom(TOKEN_CHARACTERS, 1);
/** Any text of one line. */
export const line = fc
  .string({ unit: 'binary', maxLength: 20 })
  .map((text) => text.replace(/[\r\n\0\ud800-\udfff]/g, 'x'));
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null });
const ipv6 = fc.ipV6().filter((address) => !address.includes(':::'));
export const host = fc.oneof(
  textFrom(HOST_CHARACTERS, 1, 30),
  fc.ipV4(),
  ipv6.map((address) => `[${address}]`),
);

const withoutRepeats = (params: readonly Param[]): readonly Param[] =>
  params.filter(
    ({ name }, index) =>
      params.findIndex((other) => other.name.toLowerCase() === name.toLowerCase()) === index,
  );

export const headerParams: fc.Arbitrary<readonly Param[]> = fc
  .array(fc.record({ name: token, value: fc.option(fc.oneof(token, line.map(quote)), { nil: null }) }), {
    maxLength: 6,
  })
  .map(withoutRepeats);

const uriPart = textFrom("abcXYZ019-_.!~*'()", 1).chain((plain) =>
  fc.constantFrom(plain, `${plain}%20`, `%${'4'}1${plain}`),
);
const uriParams: fc.Arbitrary<readonly Param[]> = fc.array(
  fc.record({ name: uriPart, value: fc.option(uriPart, { nil: null }) }),
  { maxLength: 5 },
);

const userinfo = fc.oneof(
  fc.constant({ user: null, password: null }),
  fc.record({
    user: fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).map((text) => escapeUser(text)),
    password: fc.option(uriPart, { nil: null }),
  }),
);

export const uri: fc.Arbitrary<SipUri> = fc
  .record({
    scheme: fc.constantFrom('sip' as const, 'sips' as const),
    userinfo,
    host,
    port,
    params: uriParams,
    headers: uriParams,
  })
  .map(({ userinfo: { user, password }, ...rest }) => ({ ...rest, user, password }));

export const nameAddr: fc.Arbitrary<NameAddr> = fc.record({
  displayName: fc.option(line, { nil: null }),
  uri: fc.oneof(uri.map(formatUri), fc.constant('tel:+358-555-1234567;postd=pp22')),
  params: headerParams,
});

export const via: fc.Arbitrary<Via> = fc.record({
  version: fc.constant('SIP/2.0'),
  transport: fc.constantFrom('UDP', 'TCP', 'TLS', 'WS', 'WSS', 'SCTP'),
  host,
  port,
  params: headerParams,
});

const header: fc.Arbitrary<HeaderField> = fc
  .record({ name: token.map((name) => `X-${name}`), value: line })
  .map(({ name, value }) => ({ name, value: value.trim() }));

const body = fc.uint8Array({ maxLength: 200 });

const request = fc
  .record({ method: token, uri, headers: fc.array(header, { maxLength: 8 }), body })
  .map(({ uri: target, ...rest }) => ({
    kind: 'request' as const,
    uri: formatUri(target),
    version: 'SIP/2.0',
    ...rest,
  }));

const response = fc
  .record({
    status: fc.integer({ min: 100, max: 699 }),
    reason: line.map((text) => text.trim()),
    headers: fc.array(header, { maxLength: 8 }),
    body,
  })
  .map((rest) => ({ kind: 'response' as const, version: 'SIP/2.0', ...rest }));

export const message: fc.Arbitrary<SipMessage> = fc.oneof(request, response);
