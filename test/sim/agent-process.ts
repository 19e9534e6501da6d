// One life of the agent's process: what src/agent does around the machines (engine.ts, supervisor.ts,
// identity-keeping.ts, managed-registration.ts), on virtual time. It takes one input at a time, carries the effects out in
// order, shares flows, makes numbers durable before they are used, and can be killed between any two things it does.

import { type Admissions, createAdmissions, registrarOf } from '../../src/agent/admission.ts';
import type { ManagedRegistration } from '../../src/agent/managed-registration.ts';
import type { Credential } from '../../src/core/digest/algorithm.ts';
import { failureOf } from '../../src/core/health/verdict.ts';
import type { Effect, Outcome } from '../../src/core/registration/effect.ts';
import type { Input } from '../../src/core/registration/input.ts';
import { isEnded } from '../../src/core/registration/lifecycle.ts';
import type { Command, Lifecycle, LifecycleEffect } from '../../src/core/registration/lifecycle-state.ts';
import type { Plan } from '../../src/core/registration/plan.ts';
import type { Hop } from '../../src/core/resolve/hop.ts';
import { randomBetween } from '../../src/core/rng.ts';
import type { Millis } from '../../src/core/time.ts';
import { nodeHash } from '../../src/runtime/hash.ts';
import { createFlowTable } from './flow-table.ts';
import { createHost } from './hearing.ts';
import { createOrders } from './orders.ts';
import type { ProcessContext } from './process-context.ts';
import { createResponses } from './responses.ts';
import { createSecretLooks } from './secret-looks.ts';
import { beginAccount, type SimAccount, type SimFlow } from './sim-account.ts';

/** admission.ts looks at three fields only, and an account of a world has these. */
function managed(account: SimAccount): ManagedRegistration {
  return account as unknown as ManagedRegistration;
}

export type AgentProcess = ReturnType<typeof startProcess>;

type Job = { readonly account: SimAccount; readonly input: Input | Command };

const STOP_WITHIN_MS: Millis = 9_000;
const DNS_PATIENCE_MS: Millis = 5_000;

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

  const setAlarm = (account: SimAccount, wanted: Millis | undefined): void => {
    const at = machinery.alarm(account.lifecycle, wanted);
    if (account.alarmAt === at) return;
    account.alarmAt = at;
    if (at !== undefined) timeline.at(worldTime(at), () => inProcess(() => ring(account, at)));
  };
  const ring = (account: SimAccount, at: Millis): void => {
    if (account.alarmAt !== at || account.isConcluded) return;
    const now = monotonic();
    if (at > now) {
      // The machine slept in between: the monotonic clock is behind.
      timeline.at(worldTime(at), () => inProcess(() => ring(account, at)));
      return;
    }
    account.alarmAt = undefined;
    const admitted =
      account.lifecycle.round === null ? machinery.admit(admissions, managed(account), now) : now;
    if (admitted > now) setAlarm(account, admitted);
    else request(account, { type: 'timePassed' });
  };

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
        lookUp(account, effect.hop);
        break;
      case 'openFlow':
        openFlow(account, effect);
        break;
      case 'closeFlow':
        giveUp(effect.flowId);
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
      case 'flowPromised':
        // Targets have no memory here, and flows need no keeping.
        break;
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

  const lookUp = (account: SimAccount, { host, port, transport }: Hop): void => {
    const found = context.resolve();
    const failure = failureOf('dns.timeout', `no DNS server answered for ${host}`);
    const targets = found?.map(({ address }) => ({
      transport: transport ?? 'udp',
      host,
      address,
      port: port ?? 5060,
    }));
    later(found === null ? DNS_PATIENCE_MS : randomBetween(rng, 1, 80), () =>
      request(
        account,
        targets === undefined
          ? { type: 'resolutionFailed', failure }
          : { type: 'targetsResolved', targets, deferred: false, stale: null },
      ),
    );
  };
  const credentialsOf = (name: string): readonly Credential[] => [
    {
      realm: null,
      username: name,
      secret: { type: 'password', password: context.secrets.get(name)?.password ?? '' },
    },
  ];
  const reserve = (account: SimAccount, renewCallId: boolean): void => {
    context.reached('number-asked');
    if (!isAlive) return;
    const { round } = account.lifecycle;
    const localPort = round?.phase.name === 'reserving' ? round.phase.place.flow.local.port : undefined;
    const wish = { count: context.reserveCount, localPort, renewCallId };
    if (renewCallId) checker.callIdRenewed(account);
    machinery.reserve(disk, account.name, wish, (reserved) =>
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
    flows.acquire(target, { domain, preferredPort: account.preferredPort, timeoutMs }, (result) => {
      if ('code' in result) {
        const failure = failureOf(result.code, `${target.address}: ${result.code}`);
        request(account, { type: 'flowFailed', target, failure });
        return;
      }
      const { flow } = result;
      flows.hold(account, flow);
      account.preferredPort = flow.local.port;
      if (account.isConcluded) flows.letGo(account, flow);
      request(account, { type: 'flowOpened', target, flow });
    });
  };
  const giveUp = (flowId: number): void => {
    const flow = flows.byId(flowId);
    if (flow !== undefined) flowGone(flow, 'connect.closed', 'it was given up');
  };
  const flowGone = (flow: SimFlow, code: 'connect.closed' | 'connect.refused', cause: string): void => {
    flows.close(flow);
    for (const account of [...flow.users]) {
      account.held = account.held.filter((one) => one !== flow);
      checker.flowClosed(account, flow.id);
      request(account, { type: 'flowClosed', flowId: flow.id, failure: failureOf(code, cause) });
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
    if (flow.connection !== null) link.streamUp(flow.connection, effect.bytes);
    else link.datagramUp(flow.local.port, flow.remote, effect.bytes, effect.repeated);
    context.reached('sent');
  };
  const responses = createResponses((account, branch, response) => {
    checker.answered(account, branch, response);
    request(account, { type: 'responseReceived', response });
  });

  const stateChanged = (account: SimAccount, previous: Lifecycle['state']): void => {
    const { state, registration } = account.lifecycle;
    trace.note(`${account.name} ${previous} -> ${state}`);
    if (state === 'blocked' && previous !== 'blocked') {
      disk.mark(account.name, { blockedSecret: JSON.stringify(registration.credentials) });
    } else if (state === 'registered' && previous === 'registering') {
      if (disk.load(account.name)?.blockedSecret) disk.mark(account.name, { blockedSecret: null });
    }
    if (state === 'waiting' || state === 'blocked') looks.keepLooking();
    if (state === 'waiting') waitingForRegistrar.add(account);
    else waitingForRegistrar.delete(account);
  };
  const finished = (account: SimAccount, outcome: Outcome): void => {
    responses.forget(account);
    checker.finished(account, outcome);
    trace.note(
      `${account.name} ${outcome.type === 'failed' ? `failed ${outcome.failure.code}` : outcome.type}`,
    );
    context.reached('outcome');
    if (!isAlive) return;
    const current = account.lifecycle.registration.flow?.id;
    for (const flow of account.held) if (flow.id !== current) flows.letGo(account, flow);
    recordFacts(account, false);
    if (outcome.type === 'registered' && waitingForRegistrar.size > 0) {
      const woken = [...waitingForRegistrar];
      waitingForRegistrar.clear();
      for (const other of woken) request(other, { type: 'targetRecovered' });
    }
  };
  const recordFacts = (account: SimAccount, ends: boolean): void => {
    const { reservation } = account;
    const { boundContact, flow, binding, identity } = account.lifecycle.registration;
    if (reservation === null || (!ends && boundContact === account.notedContact)) return;
    account.notedContact = boundContact;
    const grantedUntil = binding === null ? null : context.wall() + (binding.endsAt - monotonic());
    const facts = {
      contact: boundContact,
      grantedUntil,
      ...(flow === null ? {} : { localPort: flow.local.port }),
    };
    if (ends) account.reservation = null;
    disk.settle(account.name, reservation, facts, ends ? identity.cseq : null);
  };

  const secretTouched = (account: SimAccount): void => {
    later(randomBetween(rng, 1, 10), () => {
      const credentials = credentialsOf(account.name);
      if (JSON.stringify(credentials) === JSON.stringify(account.lifecycle.registration.credentials)) return;
      request(account, { type: 'secretChanged', credentials });
    });
  };

  const employ = (plan: Plan): SimAccount => {
    const name = plan.account;
    const record = machinery.recall(disk.load(name), rng);
    const beginning = {
      record,
      credentials: credentialsOf(name),
      monotonic: monotonic(),
      wall: context.wall(),
    };
    const account = beginAccount(plan, beginning, rng);
    if (account.lifecycle.state === 'unregistered') {
      account.admittedAt = machinery.first(admissions, registrarOf(managed(account)), monotonic());
    }
    setAlarm(account, machinery.wakeAt(account.lifecycle));
    return account;
  };

  trace.note('the agent starts');
  checker.processStarted();
  const accounts: readonly SimAccount[] = plans.map(employ);
  const looks = createSecretLooks({
    accounts,
    versionOf: (name) => context.secrets.get(name)?.version ?? 0,
    monotonic,
    later,
    touched: (account) => secretTouched(account),
  });
  looks.keepLooking();

  const isHearing = (): boolean => isAlive && !isAsleep;
  const host = createHost({ flows, isHearing, inProcess, received: responses.received, flowGone });

  return {
    host,
    accounts,
    monotonic,
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
    wake: (byMs: Millis, noticedAfterMs: Millis): void => {
      trace.note('the machine wakes');
      isAsleep = false;
      const due = onWaking;
      onWaking = [];
      later(noticedAfterMs, () => clockJumped(byMs));
      for (const run of due) if (isAlive) run();
    },
    clockJumped: (byMs: Millis): void => clockJumped(byMs),
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
          for (const flow of account.held) flows.letGo(account, flow);
          recordFacts(account, true);
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

  function clockJumped(byMs: Millis): void {
    trace.note(`the clock jumped by ${byMs}`);
    const now = monotonic();
    for (const account of accounts) {
      const recheckAt = machinery.first(admissions, registrarOf(managed(account)), now);
      request(account, { type: 'clockJumped', byMs, recheckAt });
    }
  }
}
