import { describe, expect, it } from 'vitest';
import {
  bindingFacts,
  classifyBindings,
  grantFact,
  type OwnMarks,
} from '../../../src/cli/doctor/binding-facts.ts';
import type { AccountSnapshot, ExpiresSnapshot } from '../../../src/core/health/snapshot.ts';
import { parseUri } from '../../../src/core/sip/uri.ts';
import { fields } from './answers.ts';

const INSTANCE = 'urn:uuid:00000000-0000-4000-8000-000000000001';
const OURS = '<sip:1008@192.168.1.5:40112>;expires=300';
const OLD = `<sip:1008@192.168.1.5:33000>;expires=100;+sip.instance="<${INSTANCE}>"`;
const NEIGHBOUR = '<sip:1008@192.168.1.5:5066>;expires=60';
const PHONE = '<sip:1008@198.51.100.9:5060>;expires=1800';

const known = (...uris: readonly string[]): OwnMarks => ({
  contacts: uris.map(parseUri).flatMap((uri) => (uri.ok ? [uri.value] : [])),
  instanceId: INSTANCE,
  address: '192.168.1.5',
});

const ownersOf = (contacts: readonly string[], own = known('sip:1008@192.168.1.5:40112')) =>
  classifyBindings(fields(...contacts.map((contact) => `Contact: ${contact}`)), own).map(
    ({ owner }) => owner,
  );

const LISTED = [{ uri: 'sip:1008@192.168.1.5:40112', expires: 300, own: true }];

const account = (
  state: AccountSnapshot['state'],
  expires: ExpiresSnapshot | null = null,
  bindings: AccountSnapshot['bindings'] = LISTED,
) => ({ account: 'office', state, expires, bindings }) as AccountSnapshot;

describe('whose a binding is', () => {
  it('ours by its Contact, stale by instance or host, else of somebody else', () => {
    expect(ownersOf([OURS, OLD, NEIGHBOUR, PHONE])).toEqual(['ours', 'stale', 'stale', 'foreign']);
  });

  it('ours by the instance, where no Contact of ours is remembered', () => {
    expect(ownersOf([OLD, PHONE], known())).toEqual(['ours', 'foreign']);
  });

  it('never ours when it is no SIP URI, or the host is not known', () => {
    expect(ownersOf(['<tel:+4930>', '<mailto:a@192.168.1.5>'])).toEqual(['foreign', 'foreign']);
    expect(ownersOf([NEIGHBOUR], { ...known(), address: null })).toEqual(['foreign']);
  });
});

describe('the facts of bindings', () => {
  const listed = classifyBindings(
    fields(`Contact: ${OURS}, ${NEIGHBOUR}`, `Contact: ${PHONE}`),
    known('sip:1008@192.168.1.5:40112'),
  );

  it('has each in a line, with what to do about those that are not ours', () => {
    expect(bindingFacts(listed, null)).toMatchObject([
      { code: 'bindings.own', mark: 'ok', text: 'sip:1008@192.168.1.5:40112, 5 min left' },
      {
        code: 'bindings.stale',
        mark: 'warn',
        text: expect.stringContaining(':5066, 60 s left: from this host'),
      },
      { code: 'bindings.foreign', mark: 'warn', text: 'sip:1008@198.51.100.9:5060, 30 min left' },
    ]);
  });

  it('does not drown the reader', () => {
    const phones = Array.from({ length: 30 }, (_, at) => `<sip:1008@198.51.100.9:${5060 + at}>;expires=60`);
    const crowd = classifyBindings(fields(`Contact: ${phones.join(', ')}`), known());
    const facts = bindingFacts(crowd, null).filter(({ code }) => code === 'bindings.foreign');
    expect(facts).toHaveLength(11);
    expect(facts.at(-1)?.text).toBe('and 20 more');
  });

  it('is a failure when the registrar has forgotten what the agent holds for registered', () => {
    expect(bindingFacts([], account('registered'))).toMatchObject([
      { code: 'bindings.own', mark: 'fail', failure: { code: 'register.forgotten' } },
    ]);
    // One that never lists us has forgotten nothing.
    expect(bindingFacts([], account('registered', null, []))).toMatchObject([{ mark: 'ok' }]);
    for (const without of [null, account('paused'), account('waiting')]) {
      expect(bindingFacts([], without)).toMatchObject([{ mark: 'ok', text: 'nothing of ours is bound' }]);
    }
  });
});

describe('what was granted', () => {
  const now = new Date('2026-11-21T12:00:00Z');
  const expires = {
    requested: 3600,
    granted: 300,
    source: 'contact',
    matchedBy: 'uri',
    at: '2026-11-21T12:04:00.000Z',
  } as const;
  const grantOf = (more: Partial<ExpiresSnapshot>) =>
    grantFact(account('registered', { ...expires, ...more }), now);

  it('stands against what was asked for', () => {
    expect(grantOf({})).toMatchObject({ code: 'expires.granted', mark: 'ok' });
    expect(grantOf({}).text).toBe("5 min (by our contact's expires, found by URI, 1 h asked), ends in 4 min");
    expect(grantOf({ at: '2026-11-21T11:00:00.000Z' }).text).toContain('is over');
  });

  it('is worth a warning when it is very short, or not for us', () => {
    expect(grantOf({ granted: 30 }).mark).toBe('warn');
    expect(grantOf({ matchedBy: 'none' }).mark).toBe('warn');
    expect(grantFact(account('waiting'), now).mark).toBe('skipped');
  });
});
