// A REGISTER that nobody answered, and whose Contact the registrar has bound all the same (RFC 3261 §10.2.4).

import { describe, expect, it } from 'vitest';
import { STRAIGHT_WAY } from '../../../src/core/registration/registration.ts';
import {
  leftBehind,
  NONE_UNANSWERED,
  withUnanswered,
} from '../../../src/core/registration/unanswered-contacts.ts';
import {
  type AnswerHeaders,
  breakFlow,
  FIRST,
  granted,
  LOCAL,
  onward,
  openings,
  type Script,
  SECOND,
  type Setting,
  script,
} from './script.ts';

const contactAt = (port: number): string => `sip:alice@10.0.0.5:${port}`;
const LOST = contactAt(6001);
const OWN = contactAt(6002);
const bothBound: AnswerHeaders = { Contact: [`<${LOST}>;expires=900`, `<${OWN}>;expires=900`] };
const removal = [`<${OWN}>;expires=3600`, `<${LOST}>;expires=0`];

describe('a Contact whose REGISTER got no answer', () => {
  /** The flow that was asked for last opens, from `port`. */
  function openFrom(line: Script, port: number): void {
    const target = openings(line).at(-1) ?? FIRST;
    line.step({ type: 'flowOpened', target, flow: { ...line.flowTo(target), local: { ...LOCAL, port } } });
  }
  /** The first target is asked from port 6001. */
  function asked(setting: Setting = {}): Script {
    const line = script({ ...setting, manual: ['openFlow'], targets: [FIRST, SECOND] });
    line.begin();
    openFrom(line, 6001);
    return line;
  }
  /** The second is asked from port 6002, because the first has said nothing for 32 s. */
  function unanswered(setting: Setting = {}): Script {
    const line = asked(setting);
    line.pass(32_000);
    openFrom(line, 6002);
    return line;
  }

  /** The next round goes over another flow, from port 6002. */
  function removedInTheNext(line: Script): void {
    expect(line.state()).toBe('waiting');
    breakFlow(line);
    onward(line);
    openFrom(line, 6002);
    line.answer(200, bothBound);
    expect(line.sent.at(-1)?.rows('Contact')).toEqual(removal);
  }

  it('is removed when the next answer lists it', () => {
    const line = unanswered();
    line.answer(200, bothBound);
    expect(line.sent.at(-1)?.rows('Contact')).toEqual(removal);
    expect(line.outcomes).toEqual([]);
    line.answer(200, granted(900, OWN));
    expect(line.outcome()).toMatchObject({ type: 'registered', bindings: [{ uri: OWN, own: true }] });
    expect(line.registration()).toMatchObject({ boundContact: OWN, way: { unanswered: [] } });
  });

  it('is removed when its connection broke before the answer', () => {
    const line = asked();
    breakFlow(line);
    openFrom(line, 6002);
    line.answer(200, bothBound);
    expect(line.sent.at(-1)?.rows('Contact')).toEqual(removal);
  });

  it.each([
    ['no target is left', (line: Script) => line.pass(32_000)],
    [
      'the server had begun to work on it',
      (line: Script) => {
        line.answer(100);
        line.pass(32_000);
      },
    ],
  ])('is removed in a later round: %s', (_, fail) => {
    const line = script({ manual: ['openFlow'] });
    line.begin();
    openFrom(line, 6001);
    fail(line);
    removedInTheNext(line);
  });

  it('is removed after a round that was out of time', () => {
    const line = script({ manual: ['openFlow'] });
    line.begin('register', line.now() + 5_000);
    openFrom(line, 6001);
    line.pass(5_000);
    removedInTheNext(line);
  });

  it('costs nothing when it is not bound, and is forgotten', () => {
    const line = unanswered();
    line.answer(200, granted(900, OWN));
    expect(line.outcome().type).toBe('registered');
    expect(line.sent.length).toBe(2);
    expect(line.registration().way.unanswered).toEqual([]);
  });

  it('stays when it is the one that the next REGISTER has', () => {
    const line = asked();
    line.pass(32_000);
    openFrom(line, 6001);
    line.answer(200, granted(900, LOST));
    expect(line.outcome()).toMatchObject({ type: 'registered', binding: { contact: LOST } });
    expect(line.sent.length).toBe(2);
  });

  it('stays where two Contacts are refused', () => {
    const line = unanswered({ beginnings: { boundContact: contactAt(4000) } });
    line.answer(400);
    line.answer(200, bothBound);
    expect(line.outcome().type).toBe('registered');
    expect(line.registration().way.unanswered).toEqual([]);
  });

  it('has gone by its reg-id where outbound is applied (RFC 5626 §6)', () => {
    const line = unanswered({ plan: { outbound: 'auto' } });
    line.answer(200, { ...bothBound, Require: 'outbound' });
    expect(line.outcome().type).toBe('registered');
    expect(line.sent.length).toBe(2);
  });

  it('R125 of others is left alone', () => {
    const line = unanswered();
    line.answer(200, { Contact: [`<${contactAt(7000)}>;expires=900`, `<${OWN}>;expires=900`] });
    expect(line.outcome()).toMatchObject({ type: 'registered', bindings: [{ own: false }, { own: true }] });
  });

  it('is not noted for a refresh, whose Contact is known to be bound', () => {
    const line = script({ targets: [FIRST] });
    line.begin();
    line.answer(200, granted(3600));
    onward(line);
    line.pass(32_000);
    expect(line.registration().way.unanswered).toEqual([]);
  });
});

describe('Contacts without an answer', () => {
  it('are remembered as long as they are few, the latest rather', () => {
    const all = [1, 2, 3, 1, 4, 5].reduce<readonly string[]>(
      (list, port) => withUnanswered(list, contactAt(port)),
      NONE_UNANSWERED,
    );
    expect(all).toEqual([3, 1, 4, 5].map(contactAt));
  });

  it('are found by comparison, unless the registrar says that they are gone', () => {
    const [first, second] = [contactAt(1), contactAt(2)];
    const listed = (uri: string, expires: number | null) => ({ uri, expires });
    const bindings = [listed('SIP:alice@10.0.0.5:1;ob', null), listed(second, 0), listed('*', 5)];
    expect(leftBehind([first, second], bindings, contactAt(3))).toEqual([first]);
    expect(leftBehind([first], bindings, `${first};ob`)).toEqual([]);
    expect(STRAIGHT_WAY.unanswered).toBe(NONE_UNANSWERED);
  });
});
