// One life of the agent's process: what src/agent does around the machines (engine.ts, supervisor.ts,
// identity-keeping.ts, managed-registration.ts), on virtual time. It takes one input at a time, carries the effects out in
// order, shares flows, makes numbers durable before they are used, and can be killed between any two things it does.

import { type Admissions, createAdmissions, registrarOf } from '../../src/agent/admission.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import type { Credential } from '../../src/core/digest/algorithm.ts';
import { type Failure, failureOf } from '../../src/core/health/verdict.ts';
import { isMappedElsewhere } from '../../src/core/registration/circumstances.ts';
import type { Effect, Outcome } from '../../src/core/registration/effect.ts';
import type { Input } from '../../src/core/registration/input.ts';
import { isEnded } from '../../src/core/registration/lifecycle.ts';
import type { Command, Lifecycle, LifecycleEffect } from '../../src/core/registration/lifecycle-state.ts';
import { flowPlans, type Plan } from '../../src/core/registration/plan.ts';
import { FLOW_AFTER_FLOW_MS } from '../../src/core/registration/schedule.ts';
import { randomBetween } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import { nodeHash } from '../../src/runtime/hash.ts';
import { createFlowCare } from './flow-care.ts';
import { createFlowTable } from './flow-table.ts';
import { createHost } from './hearing.ts';
import { createIdentities } from './identity.ts';
import { createLookups } from './lookups.ts';
import { createOrders } from './orders.ts';
import type { ProcessContext } from './process-context.ts';
import { createResponses } from './responses.ts';
import { createSecretLooks } from './secret-looks.ts';
import { tellSiblings } from './siblings.ts';
import { beginAccount, idOf, rejectionOf, type SimAccount, type SimFlow } from './sim-account.ts';
import { createSimAlarm } from './sim-alarm.ts';

/** admission.ts looks at three fields only, and an account of a world has these. */
function managed(account: SimAccount): ManagedRegistration {
  return account as unknown as ManagedRegistration;
}

export type AgentProcess = ReturnType<typeof startProcess>;

type Job = { readonly account: SimAccount; readonly input: Input | Command };

const STOP_WITHIN_MS: Millis = 9_000;

export function startProcess(context: ProcessContext) {
  const { timeline, rng, link, disk, trace, checker, machinery, plans } = context;
  const origin = timeline.now() - context.slept();
  const admissions: Admissions = createAdmissions(context.pacePerSecond);
  const waitingForRegistrar = new Set<SimAccount>();
  let queue: Job[] = [];
  let isDraining = false;
  let isAlive = true;
  let isAsleep = false;
  let onWaking: (() => void)[] = [];

  const monotonic = (): Millis => timeline.now() - context.slept() - origin;
  const worldTime = (instant: Millis): Millis => instant + context.slept() + origin;
  /** Runs in this process: not when it is dead, and later when the machine sleeps. */
  const inProcess = (run: () => void): void => {
    if (!isAlive) return;
    if (isAsleep) onWaking.push(run);
    else run();
  };
  const later = (ms: Millis, run: () => void): void => timeline.after(ms, () => inProcess(run));

  const firstPort = 40_000 + Math.floor(rng.unit() * 20_000);
  const flows = createFlowTable({ link, firstPort, inProcess, later });

  const surroundings = { timeline, monotonic, worldTime, inProcess };
  const alarm = createSimAlarm<SimAccount>(surroundings, (account) => ring(account));
  const setAlarm = (account: SimAccount, wanted: Millis | undefined): void =>
    alarm.set(account, machinery.alarm(account.lifecycle, wanted));
  const ring = (account: SimAccount): void => {
    if (account.isConcluded) return;
    const now = monotonic();
    const admitted =
      account.lifecycle.round === null ? machinery.admit(admissions, managed(account), now) : now;
    if (admitted > now) setAlarm(account, admitted);
    else request(account, { type: 'timePassed' });
  };
  const { reserveCount, wall } = context;
  const identities = createIdentities({ disk, machinery, reserveCount, monotonic, wall });
  const lookups = createLookups({ machinery, zone: context.zone, rng, monotonic, later });
  const care = createFlowCare({
    rng,
    machinery,
    monotonic,
    createAlarm: (_, wake) => createSimAlarm(surroundings, wake),
    transmit: (flow, bytes, repeated) => transmit(flow, bytes, repeated),
    lost: (flow, failure) => flowGone(flow, failure),
    proven: ({ id: flowId, users }) => {
      for (const account of users) request(account, { type: 'flowProven', flowId });
    },
    mapped: ({ id: flowId, users }, mapped) => {
      for (const account of users) {
        if (!isMappedElsewhere(account.lifecycle, { flowId, mapped })) continue;
        const refreshAt = machinery.first(admissions, registrarOf(managed(account)), monotonic());
        request(account, { type: 'flowMapped', flowId, mapped, refreshAt });
      }
    },
  });

  const request = (account: SimAccount, input: Input | Command): void => {
    queue.push({ account, input });
    if (isDraining) return;
    isDraining = true;
    for (let next = 0; next < queue.length; next++) {
      const job = queue[next];
      if (job !== undefined && isAlive) step(job.account, job.input);
    }
    queue = [];
    isDraining = false;
  };
  const step = (account: SimAccount, input: Input | Command): void => {
    if (account.isConcluded) return;
    if (input.type === 'responseReceived') context.reached('answered');
    if (!isAlive) return;
    const before = account.lifecycle;
    const now = monotonic();
    checker.stepping(account, input);
    const taken = machinery.step(before, input, { now, rng, hash: nodeHash });
    account.lifecycle = taken.lifecycle;
    if (taken.lifecycle.round !== null || input.type === 'secretChanged') account.admittedAt = undefined;
    checker.stepped(account, before, input, machinery.wakeAt(taken.lifecycle), now);
    for (const effect of taken.effects) if (isAlive) perform(account, effect);
    if (isAlive && !account.isConcluded) setAlarm(account, machinery.wakeAt(account.lifecycle));
  };

  const perform = (account: SimAccount, effect: LifecycleEffect): void => {
    switch (effect.type) {
      case 'resolve':
        lookups.locate(effect.hop, (input) => request(account, input));
        break;
      case 'openFlow':
        openFlow(account, effect);
        break;
      case 'closeFlow':
        giveUp(effect);
        break;
      case 'reserveCseq':
        reserve(account, effect.renewCallId);
        break;
      case 'send':
        send(account, effect);
        break;
      case 'readSecret':
        later(randomBetween(rng, 1, 10), () =>
          request(account, { type: 'secretRead', credentials: credentialsOf(account.name) }),
        );
        break;
      case 'targetFailed':
        lookups.noteFailed(effect.target, effect.retryAfterSeconds);
        break;
      case 'flowPromised': {
        const flow = flows.byId(effect.flowId);
        if (flow !== undefined) care.promised(flow, account, effect.promise);
        break;
      }
      case 'warn':
        trace.note(`${account.name} warns: ${effect.text}`);
        checker.told(account, effect.text);
        break;
      case 'stateChanged':
        stateChanged(account, effect.previous);
        break;
      case 'finished':
        finished(account, effect.outcome);
        break;
    }
  };

  const credentialsOf = (name: string): readonly Credential[] => [
    {
      realm: null,
      username: name,
      secret: context.secrets.get(name)?.password ?? '',
    },
  ];
  const reserve = (account: SimAccount, renewCallId: boolean): void => {
    context.reached('number-asked');
    if (!isAlive) return;
    if (renewCallId) checker.callIdRenewed(account);
    identities.reserve(account, renewCallId, (reserved) =>
      inProcess(() => {
        context.reached('number-durable');
        if (!isAlive) return;
        account.reservation = reserved;
        const { callId, firstCseq, lastCseq } = reserved;
        request(account, { type: 'cseqReserved', callId, firstCseq, lastCseq });
      }),
    );
  };

  const openFlow = (account: SimAccount, effect: Extract<Effect, { type: 'openFlow' }>): void => {
    const { target, domain, connectTimeoutMs: timeoutMs } = effect;
    const { lifecycle, preferredPort } = account;
    const regId = lifecycle.registration.plan.profile.outbound === 'on' ? account.regId : null;
    checker.opening(account, target);
    flows.acquire(target, { domain, regId, preferredPort, timeoutMs }, (result) => {
      if ('code' in result) {
        const failure = failureOf(result.code, `${target.address}: ${result.code}`);
        checker.notOpened(account, failure);
        request(account, { type: 'flowFailed', target, failure });
        return;
      }
      const { flow } = result;
      if (!flow.users.has(account)) flows.hold(account, flow);
      care.held(flow, account);
      account.preferredPort = flow.local.port;
      if (account.isConcluded) letGo(account, flow);
      request(account, { type: 'flowOpened', target, flow });
    });
  };
  const letGo = (account: SimAccount, flow: SimFlow): void => {
    flows.letGo(account, flow);
    care.released(flow, account);
  };
  const giveUp = ({ flowId, silentSince }: Extract<Effect, { type: 'closeFlow' }>): void => {
    const flow = flows.byId(flowId);
    const failure = failureOf('connect.closed', 'it was given up');
    if (flow !== undefined && care.isGivenUp(flow, silentSince)) flowGone(flow, failure);
  };
  const flowGone = (flow: SimFlow, failure: Failure): void => {
    flows.close(flow);
    care.gone(flow);
    for (const account of [...flow.users]) {
      account.held = account.held.filter((one) => one !== flow);
      checker.flowClosed(account, flow.id);
      request(account, { type: 'flowClosed', flowId: flow.id, failure });
    }
  };

  const send = (account: SimAccount, effect: Extract<Effect, { type: 'send' }>): void => {
    const flow = flows.byId(effect.flowId);
    if (flow === undefined) {
      const failure = failureOf('connect.closed', 'the connection closed before the request could be sent');
      request(account, { type: 'flowClosed', flowId: effect.flowId, failure });
      return;
    }
    if (!effect.repeated) responses.expect(account, effect.branch);
    checker.sent(account, effect);
    transmit(flow, effect.bytes, effect.repeated);
    context.reached('sent');
  };
  const transmit = (flow: SimFlow, bytes: Uint8Array, repeated: boolean): void => {
    if (flow.connection !== null) link.streamUp(flow.connection, bytes);
    else link.datagramUp(flow.local.port, flow.remote, bytes, repeated);
  };
  const responses = createResponses((account, branch, response) => {
    checker.answered(account, branch, response);
    request(account, { type: 'responseReceived', response, roundTripMs: 0 });
  });

  const stateChanged = (account: SimAccount, previous: Lifecycle['state']): void => {
    const { state } = account.lifecycle;
    trace.note(`${account.id} ${previous} -> ${state}`);
    if (state === 'registered' && previous === 'registering' && disk.load(account.id)?.rejected) {
      disk.mark(account.id, { rejected: null });
    }
    if (state === 'waiting' || state === 'blocked') looks.keepLooking();
    if (state === 'waiting') waitingForRegistrar.add(account);
    else waitingForRegistrar.delete(account);
    tellSiblings(accounts, account.name, request);
  };
  const finished = (account: SimAccount, outcome: Outcome): void => {
    responses.forget(account);
    checker.finished(account, outcome);
    trace.note(
      `${account.id} ${outcome.type === 'failed' ? `failed ${outcome.failure.code}` : outcome.type}`,
    );
    context.reached('outcome');
    if (!isAlive) return;
    const { flow: currentFlow, target } = account.lifecycle.registration;
    if (target !== null && outcome.type !== 'failed') lookups.noteServed(target);
    if (outcome.type === 'registered') account.boundAt = timeline.now();
    const rejected = rejectionOf(account, outcome, context.wall() - monotonic());
    if (rejected !== null) disk.mark(account.id, { rejected: machinery.rejection(rejected) });
    for (const flow of account.held) if (flow.id !== currentFlow?.id) letGo(account, flow);
    identities.recordFacts(account, false);
    if (outcome.type === 'registered' && waitingForRegistrar.size > 0) {
      const woken = [...waitingForRegistrar];
      waitingForRegistrar.clear();
      for (const other of woken) request(other, { type: 'outageMayBeOver' });
    }
  };
  const secretTouched = (account: SimAccount): void => {
    later(randomBetween(rng, 1, 10), () => {
      const credentials = credentialsOf(account.name);
      if (JSON.stringify(credentials) === JSON.stringify(account.lifecycle.registration.credentials)) return;
      request(account, { type: 'secretChanged', credentials });
    });
  };

  const employ = (plan: Plan, regId: number): SimAccount => {
    const name = plan.account;
    const record = machinery.recall(disk.load(idOf(name, regId)), rng);
    const beginning = {
      record,
      credentials: credentialsOf(name),
      monotonic: monotonic(),
      wall: context.wall(),
    };
    const account = beginAccount(plan, regId, beginning, rng);
    if (account.lifecycle.state === 'unregistered') {
      const at = machinery.first(admissions, registrarOf(managed(account)), monotonic());
      account.admittedAt = at + (regId - 1) * FLOW_AFTER_FLOW_MS;
    }
    setAlarm(account, machinery.wakeAt(account.lifecycle));
    return account;
  };

  trace.note('the agent starts');
  checker.processStarted();
  const accounts: readonly SimAccount[] = plans.flatMap((plan) =>
    flowPlans(plan).map((flowPlan, index) => employ(flowPlan, index + 1)),
  );
  const looks = createSecretLooks({
    accounts,
    versionOf: (name) => context.secrets.get(name)?.version ?? 0,
    monotonic,
    later,
    touched: (account) => secretTouched(account),
  });
  looks.keepLooking();

  const host = createHost({
    flows,
    isHearing: () => isAlive && !isAsleep,
    inProcess,
    received: (flow, bytes) => {
      care.heard(flow);
      responses.received(bytes);
    },
    sign: care.sign,
    flowGone: (flow, code, cause) => flowGone(flow, failureOf(code, cause)),
  });

  return {
    host,
    accounts,
    flows,
    isAlive: () => isAlive,
    isAsleep: () => isAsleep,
    /** kill -9. */
    kill: (): void => {
      trace.note('the agent is killed');
      isAlive = false;
      disk.crash();
      flows.closeAll();
      checker.processEnded();
    },
    sleep: (): void => {
      trace.note('the machine sleeps');
      isAsleep = true;
    },
    /** The watch over the clocks finds out at its next look. */
    wake: (sleptMs: Millis, noticedAfterMs: Millis): void => {
      trace.note('the machine wakes');
      isAsleep = false;
      const due = onWaking;
      onWaking = [];
      later(noticedAfterMs, () => clockJumped(sleptMs));
      for (const run of due) if (isAlive) run();
    },
    /** The wall clock was set forward. */
    clockSetForward: (): void => clockJumped(0),
    ...createOrders({ accounts, disk, monotonic, request }),
    /** SIGTERM; `ended` is called when all have come to their end. */
    stop: (ended: () => void): void => {
      trace.note('the agent is asked to end');
      const deadlineAt = monotonic() + STOP_WITHIN_MS;
      checker.stopping(timeline.now() + STOP_WITHIN_MS);
      for (const account of accounts) request(account, { type: 'stopRequested', deadlineAt, into: 'ended' });
      const look = (): void => {
        if (!accounts.every(({ lifecycle }) => isEnded(lifecycle))) {
          later(20, look);
          return;
        }
        for (const account of accounts) {
          account.isConcluded = true;
          for (const flow of account.held) letGo(account, flow);
          identities.recordFacts(account, true);
        }
        disk.flush();
        isAlive = false;
        trace.note('the agent has ended');
        checker.processEnded();
        ended();
      };
      look();
    },
  };

  function clockJumped(sleptMs: Millis): void {
    trace.note(`the clock jumped: asleep for ${sleptMs}`);
    for (const account of accounts) {
      const recheckAt = machinery.first(admissions, registrarOf(managed(account)), monotonic());
      request(account, { type: 'clockJumped', sleptMs, recheckAt });
    }
    care.clockJumped();
  }
}
