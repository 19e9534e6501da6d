// Flows whose local address is gone or no longer the right one. The system itself says which address it would choose.

import { describe, expect, it } from 'vitest';
import { flowsLeftBehind, networkChangeNews } from '../../src/agent/network-changes.ts';
import type { Transport } from '../../src/core/sip/transport.ts';
import { type Flow, nextFlowId } from '../../src/runtime/transport/flow.ts';

function flow(local: string, remote: string, transport: Transport = 'tcp'): Flow {
  return {
    id: nextFlowId(),
    transport,
    local: { address: local, port: 40_000 },
    remote: { address: remote, port: 5060 },
    tls: null,
    send: () => {},
    sendTo: () => {},
    close: () => {},
  };
}

const NOTHING: ReadonlySet<string> = new Set();

describe('a flow is left behind', () => {
  it('R481 when its local address is gone, whoever chose it', async () => {
    const gone = new Set(['192.0.2.1', 'fe80::1']);
    const chosen = flow('192.0.2.1', '127.0.0.1');
    const configured = flow('192.0.2.1', '127.0.0.1', 'udp');
    const zoned = flow('fe80::1%eth0', '::1');
    const left = await flowsLeftBehind(
      [
        { flow: chosen, isBound: false },
        { flow: configured, isBound: true },
        { flow: zoned, isBound: true },
      ],
      gone,
    );
    expect(left.map((one) => one.flow)).toEqual([chosen, configured, zoned]);
    expect(left.map(({ failure }) => failure.code)).toEqual(Array(3).fill('connect.local-gone'));
    expect(left[0]?.failure.cause).toContain('192.0.2.1');
  });

  it('when the system would now send from elsewhere, unless the address is configured', async () => {
    const moved = flow('127.0.0.9', '127.0.0.1');
    const left = await flowsLeftBehind(
      [
        { flow: moved, isBound: false },
        { flow: flow('127.0.0.9', '127.0.0.1'), isBound: true },
      ],
      NOTHING,
    );
    expect(left).toMatchObject([{ flow: moved, failure: { code: 'connect.route-changed' } }]);
    expect(left[0]?.failure.cause).toContain('127.0.0.1:5060 is now reached from 127.0.0.1');
  });

  it('not when all is as it was, or there is no way at all', async () => {
    const fine = [flow('127.0.0.1', '127.0.0.1'), flow('::1', '::1'), flow('192.0.2.1', '255.255.255.255')];
    const open = fine.map((one) => ({ flow: one, isBound: false }));
    expect(await flowsLeftBehind(open, new Set(['192.0.2.7']))).toEqual([]);
  });
});

describe('a change of the network is told', () => {
  const change = (come: readonly string[], gone: readonly string[]) => {
    return { come: new Set(come), gone: new Set(gone), leadsFurther: come.length > 0 };
  };

  it('with the addresses that lead beyond a link, and who is tried again', () => {
    expect(networkChangeNews(change([], ['192.0.2.1', 'fe80::1']), 0)).toEqual({
      severity: 'notice',
      text: 'the network of this host has changed: the address 192.0.2.1 is gone',
    });
    expect(networkChangeNews(change(['192.0.2.2'], ['192.0.2.1']), 1).text).toMatch(
      /: the address 192\.0\.2\.1 is gone, 192\.0\.2\.2 is a new address; one registration that waited is tried again$/,
    );
    expect(networkChangeNews(change([], []), 12)).toEqual({
      severity: 'notice',
      text: 'the network of this host has changed: other routes or link-local addresses; 12 registrations that waited are tried again',
    });
  });

  it('only to who looks closely, when it is about a link and wakes nobody', () => {
    expect(networkChangeNews(change(['fe80::5'], []), 0).severity).toBe('debug');
  });
});
