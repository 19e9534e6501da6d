// Whatever happens, in whatever order: what must hold of every registration.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../../src/core/assert.ts';
import type { Credential } from '../../../src/core/digest/algorithm.ts';
import { failureOf } from '../../../src/core/health/verdict.ts';
import { describe as snapshotOf } from '../../../src/core/registration/describe.ts';
import type { Goal } from '../../../src/core/registration/input.ts';
import { lifecycleWakeAt, stepLifecycle } from '../../../src/core/registration/lifecycle.ts';
import type { LifecycleEffect } from '../../../src/core/registration/lifecycle-state.ts';
import { seededRng } from '../../../src/core/rng.ts';
import type { Target } from '../../../src/core/sip/transport.ts';
import { nodeHash } from '../../../src/runtime/hash.ts';
import {
  ALICE,
  type AnswerHeaders,
  challenge,
  FIRST,
  lookedUp,
  OWN_CONTACT,
  type Script,
  SECOND,
  script,
  testPlan,
} from './script.ts';

const PASSWORD = 'open sesame';
const NEW_SECRET: Credential = { ...ALICE, secret: 'changed sesame' };
const TARGETS: readonly Target[] = [FIRST, SECOND, { ...FIRST, transport: 'tcp' }];

type Move =
  | { readonly type: 'pass'; readonly ms: number }
  | {
      readonly type: 'answer';
      readonly status: number;
      readonly headers: AnswerHeaders;
      readonly via: string;
      /** How many requests back the one is that is answered. */
      readonly back: number;
    }
  | { readonly type: 'begin'; readonly goal: Goal; readonly limit: number | undefined }
  | { readonly type: 'stop'; readonly withinMs: number }
  | { readonly type: 'break'; readonly flowId: number }
  | { readonly type: 'resolved'; readonly targets: readonly Target[] }
  | { readonly type: 'unresolved' }
  | { readonly type: 'opened' | 'notOpened'; readonly target: Target }
  | { readonly type: 'reserved'; readonly count: number }
  | { readonly type: 'secret'; readonly credentials: readonly Credential[] }
  | { readonly type: 'noSecret' }
  | { readonly type: 'secretChanged'; readonly credentials: readonly Credential[] }
  | { readonly type: 'recovered' }
  | { readonly type: 'jumped'; readonly byMs: number }
  | { readonly type: 'reconfigured'; readonly newFlow: boolean };

const failure = failureOf('connect.failed', 'it failed');
const target = fc.constantFrom(...TARGETS);
const nonce = fc.constantFrom('n1', 'n2', 'n3', 'n4');
const offers = fc
  .tuple(nonce, fc.constantFrom('', ', stale=true', ', algorithm=FOO'))
  .map((pair) => challenge(...pair));
const headers: fc.Arbitrary<AnswerHeaders> = fc.record(
  {
    'WWW-Authenticate': offers,
    'Proxy-Authenticate': offers,
    Contact: fc.constantFrom(
      `<${OWN_CONTACT}>;expires=60`,
      `<${OWN_CONTACT}>;expires=0`,
      `<${OWN_CONTACT}>`,
      '<sip:x@10.9.9.9>;expires=4294967295',
      '<sip:other.example.com>;q=0.5, <sips:a@b>',
      '*',
      ',,<',
    ),
    Expires: fc.constantFrom('0', '1', '3600', '99999999999', 'x'),
    'Min-Expires': fc.constantFrom('0', '90', '4000', '5000', '99999999999', 'x'),
    'Retry-After': fc.constantFrom('0', '5', '999999999', 'x'),
    Unsupported: fc.constantFrom('path', 'gruu', 'x'),
    Warning: fc.constantFrom('399 pbx "CSeq"', 'x'),
    'Authentication-Info': fc.constantFrom('nextnonce="n9"', 'rspauth="00"', 'x'),
    'Service-Route': fc.constantFrom('<sip:a;lr>', '<'),
  },
  { requiredKeys: [] },
);
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 40_000 }).map((ms): Move => ({ type: 'pass', ms })) },
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      status: fc.constantFrom(
        100,
        200,
        200,
        202,
        301,
        302,
        305,
        400,
        401,
        401,
        401,
        403,
        404,
        407,
        408,
        420,
        423,
        480,
        500,
        503,
        600,
        699,
      ),
      headers,
      via: fc.constantFrom(
        '',
        '',
        ';received=203.0.113.5;rport=1024',
        ';received=::1;rport=0',
        ';received=x',
      ),
      back: fc.constantFrom(0, 0, 0, 0, 1, 5),
    }),
  },
  { weight: 2, arbitrary: target.map((one): Move => ({ type: 'opened', target: one })) },
  fc.oneof(
    fc.record({
      type: fc.constant('begin' as const),
      goal: fc.constantFrom<Goal>('register', 'remove', 'remove-all', 'query'),
      limit: fc.option(fc.integer({ min: -10, max: 50_000 }), { nil: undefined }),
    }),
    fc.integer({ min: -10, max: 12_000 }).map((withinMs): Move => ({ type: 'stop', withinMs })),
    fc.integer({ min: 0, max: 4 }).map((flowId): Move => ({ type: 'break', flowId })),
    fc.array(target, { maxLength: 4 }).map((targets): Move => ({ type: 'resolved', targets })),
    fc.constant<Move>({ type: 'unresolved' }),
    target.map((one): Move => ({ type: 'notOpened', target: one })),
    fc.constantFrom(1, 3).map((count): Move => ({ type: 'reserved', count })),
    fc.constantFrom([], [ALICE], [NEW_SECRET]).map((credentials): Move => ({ type: 'secret', credentials })),
    fc.constant<Move>({ type: 'noSecret' }),
    fc
      .constantFrom([], [ALICE], [NEW_SECRET])
      .map((credentials): Move => ({ type: 'secretChanged', credentials })),
    fc.constant<Move>({ type: 'recovered' }),
    fc.integer({ min: 0, max: 1e8 }).map((byMs): Move => ({ type: 'jumped', byMs })),
    fc.boolean().map((newFlow): Move => ({ type: 'reconfigured', newFlow })),
  ),
);
const moves = fc.array(move, { minLength: 1, maxLength: 60 });
const manual = fc.subarray<LifecycleEffect['type']>(['resolve', 'openFlow', 'reserveCseq', 'readSecret']);

function play(line: Script, step: Move): void {
  const { identity } = line.registration();
  switch (step.type) {
    case 'pass':
      line.pass(step.ms);
      break;
    case 'answer': {
      const to = line.sent.at(-1 - step.back);
      if (to !== undefined) line.answer(step.status, step.headers, { via: step.via, to });
      break;
    }
    case 'begin':
      if (line.lifecycle().round === null) {
        line.begin(step.goal, step.limit === undefined ? undefined : line.now() + step.limit);
      } else {
        // The contract: whoever asks has to wait.
        expect(() => line.begin(step.goal)).toThrow(InvariantError);
      }
      break;
    case 'stop':
      line.stop(step.withinMs);
      break;
    case 'break':
      line.step({ type: 'flowClosed', flowId: step.flowId, failure });
      break;
    case 'resolved':
      line.step(lookedUp(step.targets));
      break;
    case 'unresolved':
      line.step({ type: 'resolutionFailed', failure });
      break;
    case 'opened':
      line.step({ type: 'flowOpened', target: step.target, flow: line.flowTo(step.target) });
      break;
    case 'notOpened':
      line.step({ type: 'flowFailed', target: step.target, failure });
      break;
    case 'reserved': {
      const firstCseq = Math.max(identity.cseq, identity.reservedThrough) + 1;
      line.step({
        type: 'cseqReserved',
        callId: identity.callId,
        firstCseq,
        lastCseq: firstCseq + step.count,
      });
      break;
    }
    case 'secret':
      line.step({ type: 'secretRead', credentials: step.credentials });
      break;
    case 'noSecret':
      line.step({ type: 'secretFailed', failure });
      break;
    case 'secretChanged':
      line.step({ type: 'secretChanged', credentials: step.credentials });
      break;
    case 'recovered':
      line.step({ type: 'outageMayBeOver' });
      break;
    case 'jumped':
      line.step({ type: 'clockJumped', sleptMs: step.byMs, recheckAt: line.now() + 10 });
      break;
    case 'reconfigured':
      if (line.lifecycle().round === null) reconfigure(line, step.newFlow);
      break;
  }
}

function reconfigure(line: Script, newFlow: boolean): void {
  line.step({ type: 'reconfigured', plan: testPlan({ expires: 70 }), credentials: [ALICE], newFlow });
}

const sequences = fc.record({ seed: fc.integer(), manual, moves });

function played(sequence: {
  readonly seed: number;
  readonly manual: readonly LifecycleEffect['type'][];
  readonly moves: readonly Move[];
}): Script {
  const { seed, manual: byHand } = sequence;
  const identity = { callId: 'call-1', fromTag: 'tag-1', cseq: 0, reservedThrough: 3 };
  const line = script({ seed, manual: byHand, targets: TARGETS, beginnings: { identity }, secrets: [ALICE] });
  line.begin();
  for (const one of sequence.moves) play(line, one);
  return line;
}

describe('any sequence of inputs', () => {
  it('R109 R477 never throws, and CSeq rises strictly within a Call-ID', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const line = played(sequence);
        const last = new Map<string, number>();
        for (const request of line.sent) {
          const callId = request.row('Call-ID');
          expect(request.cseq).toBeGreaterThan(last.get(callId) ?? 0);
          last.set(callId, request.cseq);
        }
        expect(new Set(line.sent.map(({ branch }) => branch)).size).toBe(line.sent.length);
      }),
      { numRuns: 300 },
    );
  });

  it('R110 never repeats any REGISTER but the latest, and that only while it waits for its answer', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const line = played(sequence);
        let current = '';
        for (const effect of line.effects) {
          if (effect.type === 'finished') current = '';
          if (effect.type !== 'send') continue;
          if (effect.repeated) expect(effect.branch).toBe(current);
          current = effect.branch;
        }
      }),
      { numRuns: 200 },
    );
  });

  it('ends every round when time passes, with a bounded number of REGISTERs', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const line = played(sequence);
        const begun = line.outcomes.length;
        if (line.lifecycle().round !== null) {
          line.pass(10 * 60_000 + 20_000);
          expect(line.outcomes.length).toBeGreaterThan(begun);
        }
        let requests = 0;
        for (const effect of line.effects) {
          if (effect.type === 'finished') requests = 0;
          if (effect.type === 'send' && !effect.repeated) requests += 1;
          expect(requests).toBeLessThan(64);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('shows no password, HA1 or digest response but in the requests themselves', () => {
    const ha1 = nodeHash('MD5', `alice:example.com:${PASSWORD}`);
    fc.assert(
      fc.property(sequences, (sequence) => {
        const line = played(sequence);
        const told = line.effects.filter(({ type }) => type !== 'send');
        const text = JSON.stringify([told, snapshotOf([line.lifecycle()], (at) => String(at))]);
        const responses = line.sent.flatMap((request) =>
          [...request.text.matchAll(/response="([0-9a-f]+)"/g)].map((match) => match[1] ?? ''),
        );
        for (const secret of [PASSWORD, 'changed sesame', ha1, ...responses])
          expect(text).not.toContain(secret);
        for (const request of line.sent) expect(request.text).not.toMatch(/sesame/);
      }),
      { numRuns: 200 },
    );
  });

  it('gives the same steps for the same seed', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        expect(played(sequence).effects).toEqual(played(sequence).effects);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves the state that it was given as it was', () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 0, max: 100_000 }), (sequence, ms) => {
        const line = played(sequence);
        const before = line.lifecycle();
        const copy = structuredClone(before);
        const env = { now: line.now() + ms, rng: seededRng(1), hash: nodeHash };
        const { lifecycle } = stepLifecycle(before, { type: 'timePassed' }, env);
        expect(before).toEqual(copy);
        const at = lifecycleWakeAt(lifecycle);
        if (at !== undefined) expect(at).toBeGreaterThan(env.now);
      }),
      { numRuns: 200 },
    );
  });
});
