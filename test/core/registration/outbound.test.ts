// RFC 5626 for one flow: what is offered, when it is active, what a registrar without it makes of it, and the recovery of
// a flow that was lost (§4.2, §4.4, §4.5). RFC 6223 and RFC 5627 as far as they ride along.

import { describe, expect, it } from 'vitest';
import type { LifecycleEffect } from '../../../src/core/registration/lifecycle-state.ts';
import { flowPlans } from '../../../src/core/registration/plan.ts';
import { formatUri } from '../../../src/core/sip/uri.ts';
import {
  type AnswerHeaders,
  breakFlow,
  FIRST,
  INSTANCE,
  OWN_CONTACT,
  type Script,
  type SeenRequest,
  script,
  testPlan,
  uri,
} from './script.ts';

const STREAM = { ...FIRST, transport: 'tcp' } as const;
const OUTBOUND = { outbound: 'auto', offersKeep: true } as const;
const OWN_PARAMS = `+sip.instance="<${INSTANCE}>";reg-id=1`;

function grantedOutbound(seconds: number, more: AnswerHeaders = {}): AnswerHeaders {
  return {
    Require: 'outbound',
    Contact: `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};expires=${seconds}`,
    ...more,
  };
}

function grantedPlain(seconds: number): AnswerHeaders {
  return { Contact: `<${OWN_CONTACT};transport=tcp>;expires=${seconds}` };
}

function line(setting: Parameters<typeof script>[0] = {}): Script {
  return script({ targets: [STREAM], ...setting, plan: { ...OUTBOUND, ...setting.plan } });
}

function active(seconds = 600, more: AnswerHeaders = {}): Script {
  const one = line();
  one.begin();
  one.answer(200, grantedOutbound(seconds, more));
  return one;
}

function lastOf({ sent }: Script): SeenRequest {
  const request = sent.at(-1);
  if (request === undefined) throw new Error('nothing was sent');
  return request;
}

function promises({ effects }: Script): readonly LifecycleEffect[] {
  return effects.filter(({ type }) => type === 'flowPromised');
}

describe('a REGISTER that offers outbound', () => {
  it('R033 R320 R321 R364 supports outbound, path and gruu; instance and reg-id stand in the Contact', () => {
    const one = line();
    one.begin();
    const request = lastOf(one);
    expect(request.row('Supported').split(', ').sort()).toEqual(['gruu', 'outbound', 'path']);
    expect(request.row('Contact')).toBe(`<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};expires=3600`);
  });

  it('R359 offers to keep the flow alive with a keep without value, unless keep-alives are off', () => {
    const one = line();
    one.begin();
    expect(lastOf(one).row('Via')).toMatch(/;rport;keep;branch=/);
    const silent = line({ plan: { offersKeep: false } });
    silent.begin();
    expect(lastOf(silent).row('Via')).not.toContain('keep');
  });

  it('R319 is nameless where the account wants no outbound: no instance, no reg-id', () => {
    const one = line({ plan: { outbound: 'off' } });
    one.begin();
    expect(lastOf(one).text).not.toMatch(/instance|reg-id|gruu|outbound/);
  });

  it('R330 requires outbound only where the account says so: a 420 is the end then', () => {
    const one = line();
    one.begin();
    expect(lastOf(one).rows('Require')).toEqual([]);
    const strict = line({ plan: { headers: [{ name: 'Require', value: 'outbound' }] } });
    strict.begin();
    expect(lastOf(strict).row('Require')).toBe('outbound');
    strict.answer(420, { Unsupported: 'outbound' });
    strict.answer(420, { Unsupported: 'outbound' });
    expect(strict.failure()).toMatchObject({ code: 'register.extension', status: 420 });
    expect(strict.failure()?.cause).toContain('about the extension outbound');
    expect(strict.sent).toHaveLength(2);
  });

  it('R130 R325 has one Contact, though an earlier run left another', () => {
    const one = line({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000;transport=tcp' } });
    one.begin();
    expect(lastOf(one).rows('Contact')).toHaveLength(1);
    one.answer(200, grantedOutbound(600));
    expect(one.outcome()).toMatchObject({ type: 'registered' });
    expect(one.sent).toHaveLength(1);
  });

  it('R334 has neither instance nor reg-id for another host, nor with Contact: *', () => {
    const other = line({
      plan: { contact: { uri: uri('sip:pbx@192.0.2.40'), user: '', uriParams: [], params: [] } },
    });
    other.begin();
    expect(lastOf(other).row('Contact')).toBe('<sip:pbx@192.0.2.40>;expires=3600');
    expect(lastOf(other).row('Supported')).toBe('path');
    const all = line();
    all.begin('remove-all');
    expect(lastOf(all).row('Contact')).toBe('*');
  });
});

describe('the answer', () => {
  it('R326 R363 makes it active only with Require: outbound, and says what the flow may expect', () => {
    const one = active(600, { 'Flow-Timer': '90' });
    expect(one.registration().outbound).toBe('active');
    expect(one.outcome()).toMatchObject({ binding: { matchedBy: 'instance', grantedSeconds: 600 } });
    expect(promises(one)).toEqual([
      {
        type: 'flowPromised',
        flowId: 1,
        promise: { outbound: true, flowTimerSeconds: 90, keepSeconds: null },
      },
    ]);
  });

  it('R360 R361 takes the value of keep from the Via of each answer', () => {
    const one = line();
    one.begin();
    one.answer(200, grantedPlain(600), { via: ';keep=45' });
    one.begin();
    one.answer(200, grantedPlain(600));
    expect(
      promises(one).map((effect) => effect.type === 'flowPromised' && effect.promise.keepSeconds),
    ).toEqual([45, null]);
  });

  it('R326 is a plain success without it, and the next REGISTER has the same instance and reg-id', () => {
    const one = line();
    one.begin();
    one.answer(200, grantedPlain(600));
    expect(one.outcome()).toMatchObject({ type: 'registered' });
    expect(one.registration().outbound).toBe('plain');
    one.begin();
    // Kamailio keeps the binding under them all the same: without them there would be two.
    expect(lastOf(one).row('Contact')).toContain(OWN_PARAMS);
  });

  it('R327 removes the Contact of an earlier run when the registrar knows no reg-id', () => {
    const old = 'sip:alice@10.0.0.5:4000;transport=tcp';
    const one = line({ beginnings: { boundContact: old } });
    one.begin();
    one.answer(200, grantedPlain(600));
    expect(one.outcomes).toHaveLength(0);
    expect(lastOf(one).rows('Contact')).toEqual([
      `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};expires=3600`,
      `<${old}>;expires=0`,
    ]);
    one.answer(200, grantedPlain(600));
    expect(one.outcome()).toMatchObject({ type: 'registered' });
    expect(one.registration().boundContact).toBe(`${OWN_CONTACT};transport=tcp`);
  });

  it('R327 leaves it where the registrar refuses two Contacts', () => {
    const one = line({ beginnings: { boundContact: 'sip:alice@10.0.0.5:4000;transport=tcp' } });
    one.begin();
    one.answer(200, grantedPlain(600));
    one.answer(400);
    expect(lastOf(one).rows('Contact')).toHaveLength(1);
    one.answer(200, grantedPlain(600));
    expect(one.outcome()).toMatchObject({ type: 'registered' });
    expect(one.sent).toHaveLength(3);
  });

  it('R329 registers without outbound after a 439', () => {
    const one = line();
    one.begin();
    one.answer(439);
    expect(lastOf(one).row('Contact')).toBe(`<${OWN_CONTACT};transport=tcp>;expires=3600`);
    one.answer(200, grantedPlain(600));
    expect(one.outcome()).toMatchObject({ type: 'registered' });
    expect(one.sent).toHaveLength(2);
  });

  it('R329 is refused where it gets a 439 without outbound', () => {
    const one = line();
    one.begin();
    one.answer(439);
    one.answer(439);
    expect(one.failure()).toMatchObject({ code: 'register.extension', status: 439 });
    expect(one.sent).toHaveLength(2);
  });

  it('a 420 that names outbound is answered without it', () => {
    const one = line();
    one.begin();
    one.answer(420, { Unsupported: 'outbound' });
    expect(lastOf(one).row('Supported')).toBe('path');
    expect(lastOf(one).row('Contact')).not.toContain('reg-id');
  });

  it('warns when outbound was asked for by name and is not applied, once', () => {
    const one = line({ plan: { outbound: 'on' } });
    one.begin();
    one.answer(200, grantedPlain(600));
    one.begin();
    one.answer(200, grantedPlain(600));
    expect(one.warnings().filter((text) => text.includes('RFC 5626'))).toHaveLength(1);
  });

  it('R304 R307 R367 R468 learns Path, Service-Route, P-Associated-URI and GRUUs', () => {
    const one = line();
    one.begin();
    one.answer(200, {
      Require: 'outbound',
      Path: '<sip:edge.example;lr;ob>',
      'Service-Route': '<sip:home.example;lr>',
      'P-Associated-URI': '<sip:alice@example.com>, <tel:+15551234>',
      Contact: `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};pub-gruu="sip:alice@example.com;gr=urn:uuid:1";temp-gruu="sip:tgruu.7@example.com;gr";expires=600`,
    });
    expect(one.outcome()).toMatchObject({
      learned: {
        path: ['<sip:edge.example;lr;ob>'],
        serviceRoute: ['<sip:home.example;lr>'],
        associatedUris: ['<sip:alice@example.com>', '<tel:+15551234>'],
        gruu: { public: 'sip:alice@example.com;gr=urn:uuid:1', temporary: 'sip:tgruu.7@example.com;gr' },
      },
    });
  });

  it('R365 R368 is refreshed with the same Call-ID, and its GRUUs are not sent back', () => {
    const gruus = 'pub-gruu="sip:alice@example.com;gr=urn:uuid:1";temp-gruu="sip:tgruu.7@example.com;gr"';
    const one = line();
    one.begin();
    one.answer(200, {
      Require: 'outbound',
      Contact: `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};${gruus};expires=600`,
    });
    one.begin();
    const [first, second] = one.sent;
    expect(second?.row('Call-ID')).toBe(first?.row('Call-ID'));
    expect(second?.row('Contact')).toBe(first?.row('Contact'));
    expect(second?.row('Contact')).not.toContain('gr');
  });
});

describe('the flow afterwards', () => {
  it('R332 refresh and removal have the same instance and reg-id, over the same flow', () => {
    const one = active();
    one.begin();
    expect([lastOf(one).row('Contact'), lastOf(one).flowId]).toEqual([
      `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};expires=3600`,
      1,
    ]);
    one.answer(200, grantedOutbound(600));
    one.begin('remove');
    expect([lastOf(one).row('Contact'), lastOf(one).flowId]).toEqual([
      `<${OWN_CONTACT};transport=tcp>;${OWN_PARAMS};expires=0`,
      1,
    ]);
  });

  it('R351 R357 is replaced at once when it had worked, with the same reg-id', () => {
    const one = active();
    one.pass(20_000);
    breakFlow(one);
    expect(one.wakeAt()).toBe(one.now());
    one.pass(0);
    expect(lastOf(one).row('Contact')).toContain('reg-id=1');
    expect(lastOf(one).flowId).not.toBe(1);
  });

  it('R355 a flow that is lost before a keep-alive was answered is one more failure', () => {
    const one = active();
    one.pass(20_000);
    breakFlow(one);
    one.pass(0);
    one.answer(480);
    expect(one.lifecycle().setbacks.failures).toBe(1);
    one.begin();
    one.answer(200, grantedOutbound(600));
    one.pass(20_000);
    breakFlow(one);
    expect(one.lifecycle()).toMatchObject({ state: 'waiting', setbacks: { failures: 2 } });
    const wait = (one.wakeAt() ?? 0) - one.now();
    expect(wait).toBeGreaterThanOrEqual(60_000);
    expect(wait).toBeLessThanOrEqual(120_000);
  });

  it('R355 an answered keep-alive makes earlier failures forgotten', () => {
    const one = active();
    one.pass(20_000);
    breakFlow(one);
    one.pass(0);
    one.answer(480);
    one.begin();
    one.answer(200, grantedOutbound(600));
    one.step({ type: 'flowProven', flowId: one.registration().flow?.id ?? 0 });
    one.pass(20_000);
    breakFlow(one);
    expect(one.wakeAt()).toBe(one.now());
  });

  it.each([
    ['none', 30, 300],
    ['down', 30, 1800],
    ['up', 90, 1800],
  ] as const)('R352 R353 waits longer while another flow is up (others: %s)', (others, base, longest) => {
    const one = line();
    one.step({ type: 'othersChanged', others });
    for (let failures = 1; failures < 12; failures++) {
      one.begin();
      one.answer(408);
      const bound = Math.min(longest, base * 2 ** failures);
      const wait = ((one.wakeAt() ?? 0) - one.now()) / 1000;
      expect(wait).toBeGreaterThanOrEqual(bound / 2);
      expect(wait).toBeLessThanOrEqual(bound);
    }
  });
});

describe('the flows of an account', () => {
  const proxies = [uri('sip:edge1.example;lr'), uri('sip:edge2.example;lr')];

  it('R323 R324 are one for each proxy, which is its Route', () => {
    const plans = flowPlans(testPlan({ outbound: 'on', proxies }));
    expect(plans.map((plan) => plan.profile.proxies.map(formatUri))).toEqual([
      ['sip:edge1.example;lr'],
      ['sip:edge2.example;lr'],
    ]);
  });

  it('is one by all of them when outbound was not asked for by name', () => {
    expect(flowPlans(testPlan({ outbound: 'auto', proxies }))).toHaveLength(1);
  });
});
