// The public address that an earlier run learned holds again for the port that it was learned for, and for no other.

import { expect, it } from 'vitest';
import { prepareAccount } from '../../src/agent/account-setup.ts';
import { manageAccount } from '../../src/agent/account-start.ts';
import { contactUri } from '../../src/core/registration/contact.ts';
import { seededRng } from '../../src/core/rng.ts';
import { formatUri } from '../../src/core/sip/uri.ts';
import type { FlowRecord } from '../../src/state/state-document.ts';

const RECORD: FlowRecord = {
  callId: 'c',
  cseq: 7,
  reservation: null,
  contact: 'sip:alice@203.0.113.5:6000',
  localPort: 40_112,
  registrar: '192.0.2.7:5060',
  grantedUntil: null,
  publicAddress: '203.0.113.5:6000',
};

async function contactFrom(record: FlowRecord, port: number): Promise<string> {
  const memory = {
    load: () => ({ pausedSince: null, rejected: null, flows: new Map([[1, record]]) }),
    instanceId: () => 'urn:uuid:00000000-0000-4000-8000-000000000001',
  };
  const prepared = await prepareAccount(
    '.',
    'a',
    { aor: 'sip:alice@192.0.2.7', password: 'x' },
    { product: 'sipreg/0', store: null, memory, keepsAlive: false, expires: null },
  );
  const [{ lifecycle }] = manageAccount(prepared, seededRng(1), { as: 'unregistered', rejected: null });
  const { registration } = lifecycle;
  const local = { address: '10.0.0.2', port };
  const remote = { address: '192.0.2.7', port: 5060 };
  const flow = { id: 1, transport: 'udp', local, remote, tls: null } as const;
  return formatUri(contactUri(registration.plan, flow, registration.publicAddress));
}

it('is in the first Contact when the port is the same', async () => {
  expect(await contactFrom(RECORD, 40_112)).toBe('sip:alice@203.0.113.5:6000');
  const ipv6 = { ...RECORD, publicAddress: '[2001:db8::5]:6000' };
  expect(await contactFrom(ipv6, 40_112)).toBe('sip:alice@[2001:db8::5]:6000');
});

it('says nothing of another port, and neither does a broken record', async () => {
  expect(await contactFrom(RECORD, 40_113)).toBe('sip:alice@10.0.0.2:40113');
  expect(await contactFrom({ ...RECORD, publicAddress: 'nonsense here' }, 40_112)).toBe(
    'sip:alice@10.0.0.2:40112',
  );
});
