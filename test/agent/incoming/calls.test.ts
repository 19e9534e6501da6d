// Calls that come in, without sockets: their one final answer, its copies, the ACK and the CANCEL, and how many may wait.

import { describe, expect, it } from 'vitest';
import { headerValue } from '../../../src/core/sip/headers.ts';
import { request, SOURCE, type Wanted } from '../../core/uas/requests.ts';
import { type FakeFlow, ofType, openScene, statuses, toOf, via } from './scene.ts';

describe('a call', () => {
  it('R100 R151 R153 gets its final answer at once, and copies of it for 32 s without an ACK', () => {
    const scene = openScene();
    expect(statuses(scene.ask('INVITE'))).toEqual([480]);
    scene.pass(60_000);
    const { sent } = scene.flow;
    expect(sent.map(({ at }) => at - 1_000)).toEqual([
      0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]);
    expect(new Set(sent.map(({ text }) => text)).size).toBe(1);
    expect(ofType(scene, 'agent').map(({ code }) => code)).toEqual(['request.unacknowledged']);
    expect(scene.answering.counts().transactions).toBe(0);
  });

  it('R152 R156 gets no more copies after the ACK, which gets no answer', () => {
    const scene = openScene();
    scene.ask('INVITE');
    scene.pass(700);
    expect(scene.ask('ACK', { to: '<sip:alice@example.com>;tag=x' })).toEqual([]);
    scene.pass(3_000);
    expect(scene.ask('INVITE')).toEqual([]);
    scene.pass(60_000);
    expect(scene.flow.sent).toHaveLength(2);
    expect(scene.answering.counts().transactions).toBe(0);
    expect(ofType(scene, 'agent')).toEqual([]);
  });

  it('R078 is acknowledged and cancelled whatever ACK and CANCEL require', () => {
    const scene = openScene();
    const headers = ['Require: newThing', 'Proxy-Require: newThing'];
    scene.ask('INVITE');
    expect(statuses(scene.ask('CANCEL', { headers }))).toEqual([200]);
    expect(scene.ask('ACK', { to: '<sip:alice@example.com>;tag=x', headers })).toEqual([]);
    scene.pass(5_000);
    expect(scene.flow.sent.map(({ text }) => text.slice(0, 11))).toEqual(['SIP/2.0 480', 'SIP/2.0 200']);
  });

  it('R085 that is refused for its extensions leaves nothing behind but its transaction', () => {
    const scene = openScene();
    expect(statuses(scene.ask('INVITE', { headers: ['Require: newThing'] }))).toEqual([420]);
    scene.ask('ACK', { to: '<sip:alice@example.com>;tag=x' });
    scene.pass(6_000);
    expect(scene.answering.counts().transactions).toBe(0);
    expect(statuses(scene.ask('BYE', via('z9hG4bKbye')))).toEqual([481]);
  });

  it('R093 is not begun by an ACK', () => {
    const scene = openScene();
    expect(scene.ask('ACK')).toEqual([]);
    expect(scene.answering.counts().transactions).toBe(0);
  });

  it('R151 gets its answer again when its INVITE is repeated', () => {
    const scene = openScene({ transport: 'tcp' });
    scene.ask('INVITE');
    expect(statuses(scene.ask('INVITE'))).toEqual([480]);
    scene.pass(40_000);
    expect(scene.flow.sent).toHaveLength(2);
  });

  it('R150 R083 waits its turn in a flood, with a 100 after 200 ms', () => {
    const scene = openScene();
    for (let index = 0; index < 260; index++) {
      scene.ask('INVITE', { ...via(`z9hG4bK${index}`), callId: `c${index}`, headers: ['Timestamp: 7'] });
    }
    expect(scene.flow.sent).toHaveLength(200);
    scene.pass(199);
    const early = scene.flow.sent.filter(({ text }) => text.startsWith('SIP/2.0 100'));
    expect(early).toHaveLength(0);
    scene.pass(1);
    const trying = scene.flow.sent.filter(({ text }) => text.startsWith('SIP/2.0 100'));
    expect(trying).toHaveLength(20);
    expect(trying[0]?.text).toMatch(/\r\nTimestamp: 7\r\n/);
    expect(trying[0]?.text).toMatch(/\r\nTo: <sip:alice@example\.com>\r\n/);
    scene.pass(100);
    const answered = new Set(
      scene.flow.sent.filter(({ text }) => text.startsWith('SIP/2.0 480')).map(({ text }) => text),
    );
    expect(answered.size).toBe(260);
  });

  it('R104 that waits longer than its Expires allows is told that it is over', () => {
    const scene = openScene();
    const call = (index: number, seconds: number): Wanted => {
      return { ...via(`z9hG4bK${index}`), callId: `c${index}`, headers: [`Expires: ${seconds}`] };
    };
    for (let index = 0; index < 399; index++) scene.ask('INVITE', call(index, 60));
    scene.ask('INVITE', call(399, 1));
    scene.ask('INVITE', call(400, 1));
    scene.pass(2_000);
    const answerOf = (index: number): readonly string[] => {
      const own = scene.flow.sent.filter(({ text }) => text.includes(`Call-ID: c${index}\r\n`));
      return [...new Set(own.map(({ text }) => text.slice(8, 11)))];
    };
    expect([398, 399, 400].map(answerOf)).toEqual([
      ['100', '480'],
      ['100', '487'],
      ['100', '487'],
    ]);
  });

  it('R453 outlives a transport that lost its answer, and gives it to the next copy of its INVITE', () => {
    const scene = openScene({ transport: 'tcp' });
    let isBroken = true;
    const flow: FakeFlow = {
      ...scene.flow,
      sendTo: (bytes, to) => isBroken || scene.flow.sendTo(bytes, to),
    };
    scene.answering.request(flow, request('INVITE'), SOURCE);
    scene.pass(31_000);
    expect(scene.flow.sent).toEqual([]);
    isBroken = false;
    scene.answering.request(flow, request('INVITE'), SOURCE);
    expect(scene.answering.counts()).toEqual({ answered: 1, dropped: 0, transactions: 1 });
    expect(scene.flow.sent.map(({ text }) => text.slice(0, 11))).toEqual(['SIP/2.0 480']);
    scene.pass(1_000);
    expect(scene.answering.counts().transactions).toBe(0);
  });

  it('R092 is ended by a CANCEL while it waits, and keeps its answer when it has one', () => {
    const scene = openScene();
    const call = (index: number): Wanted => ({ ...via(`z9hG4bK${index}`), callId: `c${index}` });
    for (let index = 0; index < 250; index++) scene.ask('INVITE', call(index));
    const waiting = scene.ask('CANCEL', call(249));
    expect(statuses(waiting)).toEqual([200, 487]);
    expect(toOf(waiting[0])).toBe(toOf(waiting[1]));
    expect(headerValue(waiting[1]?.headers ?? [], 'CSeq')).toBe('1 INVITE');
    expect(statuses(scene.ask('CANCEL', call(0)))).toEqual([200]);
    expect(statuses(scene.ask('CANCEL', call(999)))).toEqual([481]);
  });

  it('is not taken when too many are open, and that is told', () => {
    const scene = openScene();
    let answered = 0;
    for (let index = 0; index < 3_000; index++) {
      answered += scene.ask('INVITE', { ...via(`z9hG4bK${index}`), callId: `c${index}` }).length;
    }
    expect(scene.answering.counts()).toMatchObject({ dropped: 3_000 - 2_048, transactions: 2_048 });
    expect(answered).toBe(200);
    expect(ofType(scene, 'warning').map(({ code }) => code)).toEqual(['request.dropped-room']);
  });

  it('is forgotten with the agent', () => {
    const scene = openScene();
    scene.ask('INVITE');
    scene.answering.stop();
    scene.pass(60_000);
    expect(scene.flow.sent).toHaveLength(1);
  });
});
