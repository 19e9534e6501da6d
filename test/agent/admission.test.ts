import { describe, expect, it } from 'vitest';
import { createAdmissions, registrarOf } from '../../src/agent/admission.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import type { AccountState } from '../../src/core/health/snapshot.ts';
import { parseUri } from '../../src/core/sip/uri.ts';

type Situation = {
  readonly state?: AccountState;
  readonly rejections?: number;
  readonly registrar?: string;
  readonly proxies?: readonly string[];
  readonly hasFlow?: boolean;
};

/** As much of an account as an admission looks at. */
function accountWith(situation: Situation = {}): ManagedRegistration {
  const { state = 'waiting', rejections = 0, registrar = 'sip:pbx.example.com', proxies = [] } = situation;
  const plan = { profile: { registrar: uriOf(registrar), proxies: proxies.map(uriOf) } };
  const registration = { plan, flow: situation.hasFlow === false ? null : {} };
  const lifecycle = { state, setbacks: { rejections }, registration };
  return { lifecycle, admittedAt: undefined } as never;
}

function uriOf(text: string) {
  const uri = parseUri(text);
  if (!uri.ok) throw new Error(text);
  return uri.value;
}

/** When each of `count` equal accounts, due together at 0, begins. */
function instants(count: number, perSecond: number, situation: Situation = {}): readonly number[] {
  const { admit } = createAdmissions(perSecond);
  return Array.from({ length: count }, () => admit(accountWith(situation), 0));
}

describe('admission', () => {
  it('lets a fifth of a second begin at once, and the others at the pace', () => {
    const at = instants(120, 100);
    expect(at.filter((one) => one === 0)).toHaveLength(20);
    expect(at.at(-1)).toBeCloseTo(1000, 6);
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });

  it('gives each account one place, which it keeps until it begins', () => {
    const { admit } = createAdmissions(1);
    admit(accountWith(), 0);
    const account = accountWith();
    expect(admit(account, 0)).toBe(1000);
    expect(admit(account, 400)).toBe(1000);
    expect(admit(account, 1000)).toBe(1000);
    expect(account.admittedAt).toBeUndefined();
    expect(admit(account, 1000)).toBe(2000);
  });

  it('never holds up a refresh, however many wait', () => {
    const { admit } = createAdmissions(1);
    for (let one = 0; one < 50; one++) admit(accountWith(), 0);
    expect(admit(accountWith({ state: 'registered' }), 7)).toBe(7);
  });

  it('paces those whose flow broke, which come back together', () => {
    const { admit } = createAdmissions(1);
    const broken = { state: 'registered', hasFlow: false } as const;
    expect([admit(accountWith(broken), 0), admit(accountWith(broken), 0)]).toEqual([0, 1000]);
  });

  it('paces no account of another registrar', () => {
    const { admit } = createAdmissions(1);
    for (let one = 0; one < 50; one++) admit(accountWith(), 0);
    expect(admit(accountWith({ registrar: 'sip:other.example.com' }), 0)).toBe(0);
  });

  it('lets only accounts that were rejected already wait for the budget of rejections', () => {
    const { admit } = createAdmissions(100);
    const rejected = Array.from({ length: 6 }, () => admit(accountWith({ rejections: 1 }), 0));
    expect(rejected).toEqual([0, 0, 0, 200_000, 400_000, 600_000]);
    expect(admit(accountWith(), 0)).toBe(0);
  });

  it('paces nobody with a pace of 0', () => {
    expect(instants(500, 0).every((at) => at === 0)).toBe(true);
  });

  it('paces by the first proxy, else by the registrar, whatever their case', () => {
    expect(registrarOf(accountWith({ registrar: 'sip:PBX.Example.com' }))).toBe('pbx.example.com');
    const proxies = ['sip:Edge.example.net;lr', 'sip:spare.example.net;lr'];
    expect(registrarOf(accountWith({ proxies }))).toBe('edge.example.net');
  });
});
