// The way to a better place (behaviour.md §12, §19): back to the preferred target after a quiet time, over to a new flow
// when the old one is of yesterday, and never letting go of what works before the new one does.

import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/core/health/verdict.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import {
  FIRST,
  granted,
  lookedUp,
  onward,
  open,
  openings,
  refuse,
  type Script,
  SECOND,
  script,
} from './script.ts';

const MINUTE = 60_000;
const SECURE: Target = { ...FIRST, transport: 'tls', port: 5061 };

function registeredOn(targets: Parameters<typeof script>[0] = {}): Script {
  const line = script({ ...targets, manual: ['openFlow', ...(targets.manual ?? [])] });
  return line;
}

function failed(line: Script): readonly string[] {
  return line.effects.flatMap((effect) => (effect.type === 'targetFailed' ? [effect.target.address] : []));
}

/** Registered at the second target, because the first refused the connection. */
function onDetour(): Script {
  const line = registeredOn({ targets: [FIRST, SECOND] });
  line.begin();
  refuse(line);
  open(line);
  line.answer(200, granted(3600));
  return line;
}

describe('a registration at the second best target', () => {
  it('tells which target failed, and comes back after a quiet time', () => {
    const line = onDetour();
    expect(failed(line)).toEqual([FIRST.address]);
    const wait = (line.wakeAt() ?? 0) - line.now();
    expect(wait).toBeGreaterThanOrEqual(5 * MINUTE);
    expect(wait).toBeLessThanOrEqual(6 * MINUTE);
    line.pass(wait);
    expect(openings(line).at(-1)?.address).toBe(FIRST.address);
    open(line);
    line.answer(200, granted(3600));
    expect(line.registration()).toMatchObject({ way: { detour: null }, target: FIRST });
    expect((line.wakeAt() ?? 0) - line.now()).toBeGreaterThan(30 * MINUTE);
  });

  it('comes back also when a removal led it there', () => {
    const line = registeredOn({ manual: ['resolve'] });
    line.begin();
    line.step(lookedUp([FIRST, SECOND]));
    open(line);
    line.answer(200, granted(3600));
    line.stop(MINUTE, 'paused');
    line.answer(503, {});
    line.step(lookedUp([SECOND, FIRST], { deferredUntil: line.now() }));
    open(line);
    line.answer(200, {});
    expect(line.registration().target).toEqual(SECOND);
    line.begin();
    line.answer(200, granted(3600));
    expect((line.wakeAt() ?? 0) - line.now()).toBeLessThanOrEqual(6 * MINUTE);
  });

  it('stays where it is when the best still refuses, and asks later each time', () => {
    const line = onDetour();
    const waits: number[] = [];
    for (let times = 0; times < 6; times++) {
      const wait = (line.wakeAt() ?? 0) - line.now();
      waits.push(wait / MINUTE);
      line.pass(wait);
      refuse(line);
      expect(openings(line).at(-1)?.address).toBe(SECOND.address);
      open(line);
      line.answer(200, granted(86_400));
      expect(line.state()).toBe('registered');
    }
    for (const [index, expected] of [5, 10, 20, 40, 60, 60].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(expected);
      expect(waits[index]).toBeLessThanOrEqual(expected * 1.1);
    }
  });

  it('refreshes on the flow that it has before that time', () => {
    const line = onDetour();
    const flowsBefore = openings(line).length;
    line.pass(MINUTE);
    line.begin();
    line.answer(200, granted(3600));
    expect(openings(line)).toHaveLength(flowsBefore);
    expect(line.registration().way.detour).not.toBeNull();
  });
});

describe('a flow that should be replaced', () => {
  function outdated(): Script {
    const line = registeredOn({ targets: [FIRST] });
    line.begin();
    open(line);
    line.answer(200, granted(600));
    line.step({ type: 'flowOutdated', flowId: 1, now: false });
    return line;
  }

  it('is left at the next refresh, and the new one registers first', () => {
    const line = outdated();
    const due = (line.wakeAt() ?? 0) - line.now();
    expect(due).toBeGreaterThan(8 * MINUTE);
    line.pass(due);
    expect(line.effects.filter(({ type }) => type === 'closeFlow')).toEqual([]);
    open(line);
    expect(line.sent.at(-1)?.flowId).toBe(2);
    line.answer(200, granted(600));
    expect(line.registration()).toMatchObject({ way: { outdatedFlow: false }, flow: { id: 2 } });
  });

  it('is left at once when that is asked for', () => {
    const line = outdated();
    line.step({ type: 'flowOutdated', flowId: 1, now: true });
    expect(line.wakeAt()).toBe(line.now());
  });

  it('ends no wait: who was refused on it waits on', () => {
    const line = script();
    line.begin();
    line.answer(200, granted(600));
    line.begin();
    line.answer(403);
    const before = line.wakeAt();
    line.step({ type: 'flowOutdated', flowId: 1, now: true });
    expect(line.state()).toBe('waiting');
    expect(line.wakeAt()).toBe(before);
  });

  it('is kept when the new one cannot be had; it is told, and tried again at the next refresh', () => {
    const line = outdated();
    line.begin();
    refuse(line);
    expect(line.sent.at(-1)?.flowId).toBe(1);
    line.answer(200, granted(600));
    expect(line.state()).toBe('registered');
    expect(line.warnings()).toEqual([expect.stringContaining('stays with 192.0.2.1 port 5060')]);
    expect(line.registration().way.outdatedFlow).toBe(true);
  });

  it('is kept when the new one stays silent', () => {
    const line = outdated();
    line.begin();
    open(line);
    line.pass(32_000);
    expect(line.sent.at(-1)?.flowId).toBe(1);
    line.answer(200, granted(600));
    expect(line.registration()).toMatchObject({ way: { outdatedFlow: true }, flow: { id: 1 } });
  });

  it('is no way back from itself, when the lookup leads to it again and it stays silent', () => {
    const line = outdated();
    line.begin();
    const target = openings(line).at(-1);
    if (target === undefined) throw new Error('no flow was asked for');
    line.step({ type: 'flowOpened', target, flow: { ...line.flowTo(target), id: 1 } });
    const sent = line.sent.length;
    line.pass(32_000);
    expect(line.sent).toHaveLength(sent);
    expect(line.warnings()).toEqual([]);
    expect(line.state()).toBe('waiting');
  });

  it('is no way back once it has closed', () => {
    const line = outdated();
    line.begin();
    line.step({ type: 'flowClosed', flowId: 1, failure: failureOf('connect.closed', 'closed') });
    refuse(line);
    expect(line.state()).toBe('waiting');
  });

  it('says nothing to another flow', () => {
    const line = outdated();
    const before = line.registration();
    line.step({ type: 'flowOutdated', flowId: 7, now: true });
    expect(line.registration()).toEqual(before);
  });

  it('removes its binding over the flow that it has', () => {
    const line = outdated();
    line.begin('remove');
    expect(line.sent.at(-1)?.flowId).toBe(1);
  });
});

describe('DNS that fails while the flow should be replaced', () => {
  it('leaves the registration where it is', () => {
    const line = registeredOn({ targets: [FIRST], manual: ['resolve'] });
    line.begin();
    line.step(lookedUp([FIRST]));
    open(line);
    line.answer(200, granted(600));
    line.step({ type: 'flowOutdated', flowId: 1, now: false });
    line.begin();
    line.step({ type: 'resolutionFailed', failure: failureOf('dns.timeout', 'no answer') });
    expect(line.sent.at(-1)?.flowId).toBe(1);
  });

  it('says when the last good targets are used', () => {
    const line = script({ manual: ['resolve'] });
    line.begin();
    const stale = failureOf('dns.timeout', '127.0.0.1 did not answer');
    line.step(lookedUp([FIRST], { stale }));
    expect(line.warnings()).toEqual([expect.stringContaining('127.0.0.1 did not answer')]);
  });
});

describe('a handshake that failed', () => {
  it('leads to no target without encryption, not even after a fresh lookup', () => {
    const line = registeredOn({ targets: [SECURE, SECOND] });
    line.begin();
    const target = openings(line).at(-1);
    if (target === undefined) throw new Error('no flow was asked for');
    line.step({ type: 'flowFailed', target, failure: failureOf('tls.untrusted', 'it is not trusted') });
    expect(openings(line)).toHaveLength(1);
    expect(line.failure()).toMatchObject({ code: 'tls.untrusted' });
  });

  /** The round after a failed handshake, whose lookup gives `targets`. */
  function nextRound(targets: readonly Target[]): Script {
    const line = registeredOn({ manual: ['resolve'] });
    line.begin();
    line.step(lookedUp([SECURE]));
    const failure = failureOf('tls.untrusted', 'it is not trusted');
    line.step({ type: 'flowFailed', target: SECURE, failure });
    onward(line);
    line.step(lookedUp(targets, { deferredUntil: line.now() }));
    return line;
  }

  it('leads to no target without encryption in the next round either, though it stands back then', () => {
    const line = nextRound([SECOND, SECURE]);
    expect(openings(line)).toEqual([SECURE, SECURE]);
    refuse(line);
    expect(line.failure()).toMatchObject({ code: 'connect.refused' });
    onward(line);
    line.step(lookedUp([SECOND, SECURE], { deferredUntil: line.now() }));
    open(line);
    line.answer(200, granted(3600));
    expect(line.registration()).toMatchObject({ target: SECURE, way: { tlsFailed: false } });
  });

  it('is no reason to stay away where the domain names no target with TLS any more', () => {
    expect(openings(nextRound([SECOND]))).toEqual([SECURE, SECOND]);
  });
});
