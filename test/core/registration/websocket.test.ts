// A registration over WebSocket (RFC 7118): where its ws: or wss: proxy leads, and what its REGISTER says.

import { describe, expect, it } from 'vitest';
import { FIRST, script, uri } from './script.ts';

const proxies = [
  { ...uri('sip:edge.example.net:443;transport=ws;lr'), webSocket: { secure: true, resource: '/ws?a=b' } },
  { ...uri('sip:edge2.example.net:80;transport=ws;lr'), webSocket: { secure: false, resource: '/two' } },
];

describe('a registration over WebSocket', () => {
  it('R428 R431 asks for the place of its first proxy: TLS, port and path', () => {
    const line = script({ plan: { proxies } });
    line.begin();
    expect(line.effects.find(({ type }) => type === 'resolve')).toEqual({
      type: 'resolve',
      hop: {
        host: 'edge.example.net',
        port: 443,
        transport: 'wss',
        secure: false,
        domain: 'edge.example.net',
        resource: '/ws?a=b',
      },
    });
    expect(line.request().rows('Route')).toEqual([
      '<sip:edge.example.net:443;transport=ws;lr>',
      '<sip:edge2.example.net:80;transport=ws;lr>',
    ]);
  });

  it('stays without TLS where the URI says ws:, whatever the port', () => {
    const [, plain] = proxies;
    const line = script({ plan: { proxies: plain === undefined ? [] : [plain] } });
    line.begin();
    expect(line.effects.find(({ type }) => type === 'resolve')).toMatchObject({
      hop: { transport: 'ws', port: 80, resource: '/two' },
    });
  });

  it('R428 goes by TLS when the registrar is sips, and has a sips Contact', () => {
    const target = { ...FIRST, transport: 'wss' as const, port: 443 };
    const registrar = uri('sips:pbx.example.com');
    const line = script({ plan: { registrar, transport: 'ws' }, targets: [target] });
    line.begin();
    expect(line.effects.find(({ type }) => type === 'resolve')).toMatchObject({
      hop: { transport: 'wss', secure: true },
    });
    expect(line.request().row('Contact')).toMatch(/^<sips:/);
  });

  it.each([
    ['ws', 'SIP/2.0/WS'],
    ['wss', 'SIP/2.0/WSS'],
  ] as const)('R425 R426 over %s the Via says %s, and nothing is repeated', (transport, sentProtocol) => {
    const line = script({ targets: [{ ...FIRST, transport }] });
    line.begin();
    expect(line.request().row('Via')).toMatch(new RegExp(`^${sentProtocol} 10\\.0\\.0\\.5:5070;`));
    line.pass(20_000);
    expect(line.copies).toEqual([]);
  });

  it('R427 takes an answer without received', () => {
    const line = script({ targets: [{ ...FIRST, transport: 'ws' }] });
    line.begin();
    line.answer(200, { Contact: '<sip:alice@10.0.0.5:5070;transport=ws>;expires=600' });
    expect(line.outcome().type).toBe('registered');
  });
});
