// The OPTIONS that keeps a flow open, on the wire.

import { describe, expect, it } from 'vitest';
import { optionsRequest } from '../../../src/core/keepalive/options.ts';
import { seededRng } from '../../../src/core/rng.ts';
import { headerValue } from '../../../src/core/sip/headers.ts';
import { parseMessage } from '../../../src/core/sip/parse.ts';
import { LOCAL, testPlan, uri } from '../registration/script.ts';

describe('the OPTIONS of a flow', () => {
  it('R335 supports outbound, and goes the way of the REGISTER to the registrar itself', () => {
    const plan = testPlan({ proxies: [uri('sip:edge.example.net;lr')] });
    const { bytes, branch } = optionsRequest(plan, { transport: 'tcp', local: LOCAL }, seededRng(1));
    const parsed = parseMessage(bytes);
    if (!parsed.ok || parsed.value.kind !== 'request') throw new Error('it is no request');
    const { method, uri: target, headers } = parsed.value;
    expect([method, target]).toEqual(['OPTIONS', 'sip:pbx.example.com']);
    expect(headerValue(headers, 'Supported')?.split(', ')).toContain('outbound');
    expect(headerValue(headers, 'Route')).toBe('<sip:edge.example.net;lr>');
    expect(headerValue(headers, 'Via')).toBe(`SIP/2.0/TCP 10.0.0.5:5070;rport;branch=${branch}`);
  });
});
