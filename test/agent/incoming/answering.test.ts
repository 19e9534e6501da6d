// What comes in over the flows of an agent, without sockets: transactions over time, whom to believe, bounds, events.

import { describe, expect, it } from 'vitest';
import { headerValue } from '../../../src/core/sip/headers.ts';
import { SOURCE } from '../../core/uas/requests.ts';
import { ofType, openScene, statuses, toOf, via } from './scene.ts';

const OTHER = { address: '192.0.2.8', port: 5060 };
const STRANGER = { address: '203.0.113.9', port: 5060 };

describe('a request other than INVITE', () => {
  it('R154 R155 R446 is answered at once, and its copies get the same bytes for 32 s', () => {
    const scene = openScene();
    expect(statuses(scene.ask('OPTIONS'))).toEqual([200]);
    scene.pass(31_999);
    expect(statuses(scene.ask('OPTIONS'))).toEqual([200]);
    expect(scene.flow.sent[1]?.text).toBe(scene.flow.sent[0]?.text);
    expect(ofType(scene, 'request')).toHaveLength(1);
    expect(scene.answering.counts()).toEqual({ answered: 1, dropped: 0, transactions: 1 });
    scene.pass(1);
    scene.ask('OPTIONS');
    expect(scene.answering.counts().answered).toBe(2);
  });

  it.each([
    ['Event: keep-alive', 200],
    ['Event: presence', 489],
  ] as const)('R414 is answered in the same moment when it is a NOTIFY: %s', (header, status) => {
    const scene = openScene();
    expect(statuses(scene.ask('NOTIFY', { headers: [header] }))).toEqual([status]);
    expect(scene.flow.sent[0]?.at).toBe(scene.now());
  });

  it('R026 has a tag of 64 bits in its answer, another for each request and each process', () => {
    const tags = new Set<string>();
    for (const seed of [1, 2]) {
      const scene = openScene({ seed });
      for (let call = 0; call < 50; call++) {
        const [answer] = scene.ask('OPTIONS', { ...via(`z9hG4bK${call}`), callId: `c${call}` });
        tags.add(/;tag=([0-9a-f]{16})$/.exec(toOf(answer) ?? '')?.[1] ?? '');
      }
    }
    expect(tags.size).toBe(100);
    expect(tags).not.toContain('');
  });

  it('is forgotten when no copy can come any more', () => {
    const scene = openScene();
    scene.ask('OPTIONS');
    scene.pass(64_000);
    expect(scene.answering.counts().transactions).toBe(0);
  });

  it('R155 leaves nothing behind on a stream', () => {
    const scene = openScene({ transport: 'tcp' });
    scene.ask('OPTIONS');
    expect(scene.answering.counts()).toEqual({ answered: 1, dropped: 0, transactions: 0 });
  });

  it('R094 gets the same answer also when it was forgotten', () => {
    const scene = openScene();
    scene.ask('OPTIONS');
    scene.pass(100_000);
    scene.ask('OPTIONS');
    expect(scene.flow.sent[1]?.text).toBe(scene.flow.sent[0]?.text);
  });

  it('R170 R252 is answered at the port that it came from with rport, else at the port in Via', () => {
    const scene = openScene();
    const source = { address: SOURCE.address, port: 61_234 };
    scene.ask('OPTIONS', via('z9hG4bK1'), source);
    scene.ask('OPTIONS', { ...via('z9hG4bK2', ';maddr=198.51.100.1'), callId: 'c2' }, source);
    expect(scene.flow.sent.map(({ to }) => to)).toEqual([source, { address: SOURCE.address, port: 5060 }]);
  });

  it('R157 is told apart without a branch', () => {
    const scene = openScene();
    scene.ask('OPTIONS', { ...via('0'), cseq: '1 OPTIONS' });
    scene.ask('OPTIONS', { ...via('0'), cseq: '1 OPTIONS' });
    scene.ask('OPTIONS', { ...via('0'), callId: 'c2', cseq: '1 OPTIONS' });
    expect(scene.answering.counts().answered).toBe(2);
  });
});

describe('a request that came two ways', () => {
  it('R076 gets 482 the second time', () => {
    const scene = openScene();
    expect(statuses(scene.ask('OPTIONS', via('z9hG4bK1')))).toEqual([200]);
    expect(statuses(scene.ask('OPTIONS', via('z9hG4bK2')))).toEqual([482]);
    expect(statuses(scene.ask('INVITE', { ...via('z9hG4bK3'), cseq: '7 INVITE' }))).toEqual([480]);
    expect(statuses(scene.ask('INVITE', { ...via('z9hG4bK4'), cseq: '7 INVITE' }))).toEqual([482]);
    scene.pass(32_000);
    expect(statuses(scene.ask('OPTIONS', via('z9hG4bK5')))).toEqual([200]);
  });

  it('R076 is a call of its own once the first one is over', () => {
    const scene = openScene();
    scene.ask('INVITE', via('z9hG4bK1'));
    scene.ask('ACK', via('z9hG4bK1'));
    scene.pass(4_999);
    expect(statuses(scene.ask('INVITE', via('z9hG4bK2')))).toEqual([482]);
    scene.ask('ACK', via('z9hG4bK2'));
    scene.pass(5_000);
    expect(statuses(scene.ask('INVITE', via('z9hG4bK3')))).toEqual([480]);
  });

  it('is not merged when it is for two accounts', () => {
    const scene = openScene({ accounts: { alice: {}, bob: {} } });
    const to = (user: string, branch: string) => ({ ...via(branch), uri: `sip:${user}@192.0.2.50` });
    expect(statuses(scene.ask('INVITE', to('alice', 'z9hG4bK1')))).toEqual([480]);
    expect(statuses(scene.ask('INVITE', to('bob', 'z9hG4bK2')))).toEqual([480]);
  });
});

describe('the account', () => {
  it('R074 is nobody on a flow of several when none is meant', () => {
    const scene = openScene({ accounts: { alice: {}, bob: {} } });
    const foreign = { uri: 'sip:+4930@192.0.2.50', to: '<sip:+4930@example.com>' };
    expect(statuses(scene.ask('INVITE', { ...foreign, ...via('z9hG4bK1') }))).toEqual([404]);
    expect(
      statuses(scene.ask('OPTIONS', { uri: 'sip:192.0.2.50', to: '<sip:x@y>', ...via('z9hG4bK2') })),
    ).toEqual([200]);
    expect(ofType(scene, 'request').map(({ account, status }) => [account, status])).toEqual([
      [null, 404],
      [null, 200],
    ]);
  });

  it('decides what a call gets', () => {
    const accounts = {
      alice: { answer: { INVITE: { status: 302, contact: 'sip:vm@example.com' } } },
      bob: { answer: { INVITE: 603 } },
    };
    const scene = openScene({ accounts });
    const to = (user: string) => ({ uri: `sip:${user}@192.0.2.50`, ...via(`z9hG4bK${user}`) });
    const [redirected] = scene.ask('INVITE', to('alice'));
    expect(redirected?.status).toBe(302);
    expect(headerValue(redirected?.headers ?? [], 'Contact')).toBe('<sip:vm@example.com>');
    expect(statuses(scene.ask('INVITE', to('bob')))).toEqual([603]);
  });

  it('is known by the user of its own Contact', () => {
    const accounts = { alice: { contact: 'sip:desk@192.0.2.60' }, bob: { contactUser: 'b b' } };
    const scene = openScene({ accounts });
    scene.ask('MESSAGE', { uri: 'sip:desk@192.0.2.60', to: '<sip:x@y>' });
    scene.ask('MESSAGE', { uri: 'sip:b%20b@192.0.2.50', to: '<sip:x@y>', ...via('z9hG4bK2') });
    expect(ofType(scene, 'request').map(({ account }) => account)).toEqual(['alice', 'bob']);
  });
});

describe('whom to believe', () => {
  it.each([
    ['peer', SOURCE, true],
    ['peer', OTHER, false],
    ['peer', STRANGER, false],
    ['registrar', { address: SOURCE.address, port: 9 }, true],
    ['registrar', OTHER, true],
    ['registrar', STRANGER, false],
    ['any', STRANGER, true],
  ] as const)('acceptFrom %s hears %s: %s', (acceptFrom, source, isHeard) => {
    const scene = openScene({ accounts: { alice: { acceptFrom } }, known: [OTHER.address] });
    expect(scene.ask('OPTIONS', {}, source)).toHaveLength(isHeard ? 1 : 0);
    expect(scene.answering.counts().dropped).toBe(isHeard ? 0 : 1);
  });

  it('is for the account that is meant to say; a ping of nobody is for any', () => {
    const accounts = { alice: { acceptFrom: 'any' as const }, bob: {} };
    const scene = openScene({ accounts });
    const to = (uri: string, branch: string) => ({ uri, to: '<sip:x@y>', ...via(branch) });
    expect(scene.ask('OPTIONS', to('sip:bob@192.0.2.50', 'z9hG4bK1'), STRANGER)).toEqual([]);
    expect(statuses(scene.ask('OPTIONS', to('sip:alice@192.0.2.50', 'z9hG4bK2'), STRANGER))).toEqual([200]);
    expect(statuses(scene.ask('OPTIONS', to('sip:192.0.2.50', 'z9hG4bK3'), STRANGER))).toEqual([200]);
  });

  it('R087 counts for broken requests as well', () => {
    const scene = openScene();
    expect(statuses(scene.ask('OPTIONS', { cseq: '1 BYE' }))).toEqual([400]);
    expect(scene.ask('OPTIONS', { cseq: '1 BYE' }, STRANGER)).toEqual([]);
    expect(statuses(scene.malformed('INVITE'))).toEqual([400]);
    expect(scene.malformed('ACK')).toEqual([]);
    expect(scene.malformed('INVITE', { via: 'nonsense' })).toEqual([]);
    expect(scene.malformed(null)).toEqual([]);
    expect(scene.answering.counts()).toEqual({ answered: 2, dropped: 3, transactions: 0 });
  });

  it('is told at once, after a minute with the count, and then less often', () => {
    const scene = openScene();
    const texts = (): readonly string[] => ofType(scene, 'warning').map(({ text }) => text);
    for (let index = 0; index < 500; index++) scene.ask('OPTIONS', {}, STRANGER);
    expect(texts()).toEqual([
      expect.stringMatching(/^a request got no answer, from 203\.0\.113\.9: acceptFrom/),
    ]);
    expect(ofType(scene, 'warning')[0]).toMatchObject({
      code: 'request.dropped-source',
      severity: 'warning',
    });
    scene.pass(60_000);
    expect(texts()).toHaveLength(2);
    expect(texts()[1]).toMatch(/^499 requests got no answer, the last from 203\.0\.113\.9/);
    for (let second = 0; second < 24 * 3_600; second += 30) {
      scene.ask('OPTIONS', {}, STRANGER);
      scene.pass(30_000);
    }
    expect(texts().length).toBeGreaterThan(24);
    expect(texts().length).toBeLessThan(35);
  });

  it('is told at once again after a quiet time', () => {
    const scene = openScene();
    const count = (): number => ofType(scene, 'warning').length;
    scene.ask('OPTIONS', {}, STRANGER);
    scene.ask('OPTIONS', {}, STRANGER);
    scene.pass(200_000);
    expect(count()).toBe(2);
    scene.ask('OPTIONS', {}, STRANGER);
    expect(count()).toBe(3);
  });
});

describe('a flood', () => {
  it('R457 of 5,000 requests a second from the registrar passes, bounded in memory', () => {
    const scene = openScene();
    for (let index = 0; index < 20_000; index++) {
      scene.ask('OPTIONS', { ...via(`z9hG4bK${index}`), callId: `c${index}` });
      if (index % 5 === 0) scene.pass(1);
    }
    const { answered, dropped, transactions } = scene.answering.counts();
    expect({ answered, dropped }).toEqual({ answered: 20_000, dropped: 0 });
    expect(transactions).toBeLessThanOrEqual(12_288);
    scene.pass(64_000);
    expect(scene.answering.counts().transactions).toBe(0);
  });

  it('of a stranger does not pass, and the rest is told', () => {
    const scene = openScene({ accounts: { alice: { acceptFrom: 'any' } } });
    let answered = 0;
    for (let index = 0; index < 1_000; index++) {
      answered += scene.ask('OPTIONS', { ...via(`z9hG4bK${index}`), callId: `c${index}` }, STRANGER).length;
    }
    expect(answered).toBe(200);
    expect(scene.answering.counts().dropped).toBe(800);
    expect(ofType(scene, 'warning')).toMatchObject([{ code: 'request.dropped-rate' }]);
    expect(statuses(scene.ask('OPTIONS', via('z9hG4bKnew')))).toEqual([200]);
  });

  it('of pings makes no flood of events', () => {
    const scene = openScene();
    for (let index = 0; index < 1_000; index++) {
      scene.ask('OPTIONS', { ...via(`z9hG4bK${index}`), callId: `c${index}` });
    }
    expect(ofType(scene, 'request')).toHaveLength(200);
    scene.pass(1_000);
    scene.ask('OPTIONS', { ...via('z9hG4bKlast'), callId: 'last' });
    expect(ofType(scene, 'request').at(-1)?.untold).toBe(800);
  });
});

describe('the event of a request', () => {
  it.each([
    ['INVITE', {}, 'info', 480],
    ['MESSAGE', {}, 'info', 405],
    ['DANCE', {}, 'info', 501],
    ['OPTIONS', {}, 'debug', 200],
    ['NOTIFY', { headers: ['Event: keep-alive'] }, 'debug', 200],
    ['BYE', {}, 'debug', 481],
  ])('of %s is for whom it concerns', (method, wanted, severity, status) => {
    const scene = openScene();
    scene.ask(method, wanted);
    expect(ofType(scene, 'request')).toMatchObject([
      { severity, status, method, account: 'alice', transport: 'udp', source: SOURCE, untold: 0 },
    ]);
  });

  it('is printable, short and without a password', () => {
    const scene = openScene();
    const hash = 'd41d8cd98f00b204e9800998ecf8427e';
    scene.ask('INVITE', {
      from: `"\u001b]0;x" <sip:bob:${hash}@pbx.test>`,
      to: `<sip:${'a'.repeat(5_000)}@b>`,
    });
    const [event] = ofType(scene, 'request');
    expect(event?.from).toBe('sip:bob@pbx.test');
    expect(event?.to?.length).toBeLessThan(300);
    scene.ask('A'.repeat(500), via('z9hG4bK2'));
    expect(ofType(scene, 'request')[1]?.method.length).toBeLessThan(50);
  });

  it('has nobody in it when the request is broken', () => {
    const scene = openScene();
    scene.malformed('INVITE', { from: 'nonsense' });
    expect(ofType(scene, 'request')).toMatchObject([
      { severity: 'debug', account: null, from: null, to: 'sip:alice@example.com', status: 400 },
    ]);
  });
});
