// Which requests belong to one transaction (RFC 3261 §17.2.3) and which are forks of one (§8.2.2.2).

import { describe, expect, it } from 'vitest';
import { mergeKey, transactionKey } from '../../../src/core/transaction/matching.ts';
import { fieldsOf, request, type Wanted } from '../uas/requests.ts';

function key(method: string, wanted: Wanted = {}, as?: string): string {
  const message = request(method, wanted);
  return transactionKey(message, fieldsOf(message), as);
}

function merged(method: string, wanted: Wanted = {}): string | null {
  return mergeKey(fieldsOf(request(method, wanted)));
}

const via = (branch: string, sentBy = '192.0.2.7:5060'): Wanted => ({
  via: `SIP/2.0/UDP ${sentBy};branch=${branch}`,
});

describe('the name of a transaction', () => {
  it('R156 is branch, sent-by and method', () => {
    const original = key('OPTIONS', via('z9hG4bKx'));
    expect(key('OPTIONS', { ...via('z9hG4bKx'), callId: 'other', cseq: '9 OPTIONS' })).toBe(original);
    expect(key('OPTIONS', via('z9hG4bKy'))).not.toBe(original);
    expect(key('OPTIONS', via('z9hG4bKx', '192.0.2.7:5062'))).not.toBe(original);
    expect(key('OPTIONS', via('z9hG4bKx', '192.0.2.8:5060'))).not.toBe(original);
    expect(key('NOTIFY', via('z9hG4bKx'))).not.toBe(original);
    expect(key('OPTIONS', via('z9hG4bKx', 'pbx.test'))).toBe(key('OPTIONS', via('z9hG4bKx', 'PBX.test')));
  });

  it.each(['z9hG4bKx', '0'])('R156 of an ACK and a CANCEL is that of their INVITE (branch %s)', (branch) => {
    const invite = key('INVITE', { ...via(branch), cseq: '5 INVITE' });
    const ack = { ...via(branch), cseq: '5 ACK', to: '<sip:alice@example.com>;tag=ours' };
    expect(key('ACK', ack, 'INVITE')).toBe(invite);
    expect(key('CANCEL', { ...via(branch), cseq: '5 CANCEL' }, 'INVITE')).toBe(invite);
    expect(key('CANCEL', { ...via(branch), cseq: '5 CANCEL' })).not.toBe(invite);
  });

  it.each([
    ['another Request-URI', { uri: 'sip:bob@192.0.2.50' }],
    ['another From tag', { from: '<sip:bob@example.com>;tag=b2' }],
    ['another Call-ID', { callId: 'c2' }],
    ['another CSeq', { cseq: '2 OPTIONS' }],
    ['another Via', via('0', '192.0.2.8')],
  ])('R157 is all of the request where the branch names nothing: %s', (_, change) => {
    const plain = key('OPTIONS', via('0'));
    expect(key('OPTIONS', via('0'))).toBe(plain);
    expect(key('OPTIONS', { ...via('0'), ...change })).not.toBe(plain);
  });

  it('R157 needs no branch and no From tag', () => {
    const old = { via: 'SIP/2.0/UDP 192.0.2.7', from: '<sip:bob@example.com>' };
    expect(key('OPTIONS', old)).toBe(key('OPTIONS', old));
    expect(key('OPTIONS', { ...old, cseq: '2 OPTIONS' })).not.toBe(key('OPTIONS', old));
  });
});

describe('the name of a request that was forked', () => {
  it('R076 is From tag, Call-ID and CSeq, and no branch', () => {
    expect(merged('OPTIONS', via('z9hG4bKx'))).toBe(merged('OPTIONS', via('z9hG4bKy')));
    expect(merged('OPTIONS', { cseq: '2 OPTIONS' })).not.toBe(merged('OPTIONS'));
    expect(merged('OPTIONS', { callId: 'c2' })).not.toBe(merged('OPTIONS'));
    expect(merged('OPTIONS', { from: '<sip:bob@example.com>;tag=b2' })).not.toBe(merged('OPTIONS'));
    expect(merged('INVITE')).not.toBe(merged('CANCEL'));
  });

  it('R076 does not exist within a dialog', () => {
    expect(merged('INVITE', { to: '<sip:alice@example.com>;tag=ours' })).toBeNull();
  });
});
