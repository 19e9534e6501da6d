// A world: the hosts of one registrar, the DNS that leads to them, the network with its NAT, and a host on which the agent
// lives, dies and lives again, for a week of virtual time.

import { seededRng } from '../../src/core/rng.ts';
import type { SipRequest, SipResponse } from '../../src/core/sip/message.ts';
import type { Millis } from '../../src/core/time.ts';
import { type AgentProcess, startProcess } from './agent-process.ts';
import { allowance, isTrouble, longestProbe } from './allowance.ts';
import { createBindingsWatch } from './bindings-watch.ts';
import { createDisk } from './disk.ts';
import type { Episode, Fault } from './episodes.ts';
import { createHosts } from './hosts.ts';
import { createChecker } from './invariants.ts';
import { createLink } from './link.ts';
import { type Machinery, SOUND } from './machinery.ts';
import type { WorldPlan } from './plan.ts';
import type { Moment } from './process-context.ts';
import { createRegistrarModel } from './registrar-model.ts';
import { MINUTE, SECOND } from './spans.ts';
import { createTimeline } from './timeline.ts';
import { createTrace } from './trace.ts';
import { Violation } from './violation.ts';
import { createWayWatch } from './way-watch.ts';
import { createZone } from './zone.ts';

/** Any date will do. */
const WALL_AT_START: Millis = Date.UTC(2026, 0, 1);
/** So long a process may wait for its moment to die. */
const MOMENT_PATIENCE_MS: Millis = 5 * SECOND;

/** Told of every request that the registrar decided about. */
export type Listener = (at: Millis, request: SipRequest, response: SipResponse) => void;

export function createWorld(plan: WorldPlan, machinery: Machinery = SOUND, listen: Listener = NOTHING) {
  const timeline = createTimeline();
  const trace = createTrace(timeline.now);
  const conditions = { ...plan.conditions };
  const manners = { ...plan.manners };
  const names = plan.accounts.map(({ account }) => account);
  const passwords = new Map(names.map((name) => [name, `${name}-Sesame-0`]));
  const secrets = new Map(names.map((name) => [name, { password: `${name}-Sesame-0`, version: 0 }]));
  const rngOf = (part: number) => seededRng(plan.seed * 16 + part);
  const rng = rngOf(0);
  let process: AgentProcess | null = null;
  let sleptMs: Millis = 0;
  let steppedMs: Millis = 0;
  let passwordChanges = 0;
  let backBy: Millis = 0;
  let rejectedUntil: Millis = 0;
  let armed: { readonly moment: Moment; readonly fire: () => void } | null = null;

  const wall = (): Millis => WALL_AT_START + timeline.now() + steppedMs;
  const checker = createChecker({
    now: timeline.now,
    trace,
    pacePerSecond: plan.pacePerSecond,
    credentialAttempts: Math.max(...plan.accounts.map(({ profile }) => profile.retry.credentialAttempts)),
    rightPassword: (name) => passwords.get(name) ?? '',
  });
  for (const [name, password] of passwords) checker.passwordIs(name, password);
  const watch = createBindingsWatch(
    timeline,
    () => registrar,
    () => process,
    () => timeline.now() < rejectedUntil,
  );
  const registrar = createRegistrarModel({
    timeline,
    rng: rngOf(1),
    manners,
    passwords,
    answered: (request, response) => {
      watch.answered(request, response);
      listen(timeline.now(), request, response);
    },
  });
  const disk = createDisk(timeline, rngOf(2));
  const hosts = createHosts(plan.hostCount, manners, () => registrar);
  const zone = createZone(plan.signposts, plan.hasDeadTarget, hosts);
  const link = createLink({
    timeline,
    rng: rngOf(3),
    conditions,
    natTimeoutMs: plan.natTimeoutMs,
    server: () => hosts.server,
    host: () => process?.host ?? NOBODY,
  });

  const wayWatch = createWayWatch({ link, hosts, signposts: plan.signposts, process: () => process });

  const start = (): void => {
    process = startProcess({
      timeline,
      rng: rngOf(4 + Math.floor(rng.unit() * 1_000_000)),
      link,
      disk,
      trace,
      checker,
      machinery,
      plans: plan.accounts,
      secrets,
      zone,
      wall,
      slept: () => sleptMs,
      pacePerSecond: plan.pacePerSecond,
      reserveCount: plan.reserveCount,
      reached: (moment) => {
        if (armed?.moment !== moment) return;
        const { fire } = armed;
        armed = null;
        fire();
      },
    });
  };
  const isRunning = (): boolean => process?.isAlive() === true;
  const kill = (): void => {
    if (isRunning()) process?.kill();
  };
  const changePassword = (name: string): void => {
    passwordChanges += 1;
    const password = `${name}-Sesame-${passwordChanges}`;
    passwords.set(name, password);
    checker.passwordIs(name, password);
  };

  /** Begins the fault; what is returned heals it. */
  const inflict = (fault: Fault, { lastsMs }: Episode): (() => void) => {
    switch (fault.type) {
      case 'network':
        Object.assign(conditions, fault.conditions);
        return () => {
          Object.assign(conditions, plan.conditions);
          link.release();
        };
      case 'nat-rebinding':
        link.rebind();
        return NOTHING;
      case 'connections-reset':
        link.resetAll();
        return NOTHING;
      case 'registrar':
        Object.assign(manners, fault.manners);
        registrar.reconfigure();
        if (manners.isDown) link.resetAll();
        return () => {
          Object.assign(manners, plan.manners);
          registrar.reconfigure();
        };
      case 'refusals':
        manners.refuses = fault.refusal;
        return () => {
          manners.refuses = null;
        };
      case 'registrar-restart':
        registrar.forgetAll();
        link.resetAll();
        return NOTHING;
      case 'nonces-forgotten':
        registrar.forgetNonces();
        return NOTHING;
      case 'password':
        return inflictPassword(fault.healedBy);
      case 'hosts':
        for (const index of fault.which) hosts.setTrouble(index, fault.trouble);
        if (fault.trouble.type === 'down' || fault.trouble.type === 'untrusted') link.resetAll();
        return () => {
          for (const index of fault.which) hosts.setTrouble(index, null);
        };
      case 'moved':
        hosts.move(fault.which);
        return NOTHING;
      case 'dns':
        zone.fails = fault.fails;
        return () => {
          zone.fails = null;
        };
      case 'suspend':
        if (!isRunning()) return NOTHING;
        process?.sleep();
        return () => {
          sleptMs += lastsMs;
          process?.wake(lastsMs, rng.unit() * SECOND);
        };
      case 'clock-step':
        steppedMs += fault.byMs;
        if (fault.byMs > 0 && isRunning()) process?.clockSetForward();
        return NOTHING;
      case 'kill':
        return inflictKill(fault.moment);
      case 'stop':
        stop();
        return () => {
          watch.troubleEnds();
          if (!isRunning()) {
            start();
            return;
          }
          // It still removes its bindings: the next one waits for it.
          timeline.after(10 * SECOND, start);
        };
      case 'pause':
        process?.pause();
        return () => process?.resume();
      case 'refresh':
        process?.refresh();
        return NOTHING;
    }
  };
  const inflictPassword = (healedBy: 'account' | 'registrar'): (() => void) => {
    const before = new Map(passwords);
    for (const name of names) changePassword(name);
    registrar.reconfigure();
    return () => {
      for (const name of names) {
        if (healedBy === 'registrar') passwords.set(name, before.get(name) ?? '');
        const version = (secrets.get(name)?.version ?? 0) + 1;
        if (healedBy === 'account') secrets.set(name, { password: passwords.get(name) ?? '', version });
        checker.passwordChanged(name);
      }
      registrar.reconfigure();
    };
  };
  const inflictKill = (moment: Moment | null): (() => void) => {
    if (moment === null) kill();
    else {
      armed = { moment, fire: kill };
      process?.refresh();
      timeline.after(MOMENT_PATIENCE_MS, () => {
        if (armed !== null) kill();
        armed = null;
      });
    }
    return () => {
      armed = null;
      kill();
      start();
    };
  };
  const stop = (): void => {
    const since = timeline.now() - 10 * MINUTE;
    const lost = link.lost();
    if (!isRunning() || process === null) return;
    const isWell =
      process.accounts.every(({ lifecycle }) => lifecycle.state === 'registered') &&
      watch.isQuietSince(since);
    watch.troubleBegins();
    process.stop(() => {
      if (isWell && link.lost() === lost) watch.checkRemoved(names);
    });
  };

  const begin = (episode: Episode): void => {
    trace.note(`episode: ${episode.faults.map(({ type }) => type).join(' and ')}, ${episode.lastsMs} ms`);
    const isTroubled = episode.faults.some((fault) => isTrouble(fault, episode, plan));
    if (isTroubled) watch.troubleBegins();
    const heals = episode.faults.map((fault) => inflict(fault, episode));
    timeline.after(episode.lastsMs, () => {
      trace.note('it heals');
      for (const heal of heals) heal();
      // What an earlier episode still allows holds on.
      const now = timeline.now();
      // Whoever is blocked stays so in the next process, and a probe that fails for another reason was one too.
      if (now - episode.lastsMs < rejectedUntil)
        rejectedUntil = now + longestProbe(plan) + allowance(episode, plan);
      if (episode.faults.some(({ type }) => type === 'password')) {
        rejectedUntil = Math.max(rejectedUntil, now + allowance(episode, plan));
      }
      backBy = Math.max(backBy, rejectedUntil, now + allowance(episode, plan));
      const isUndisturbed = plan.episodes.every(
        (other) => other === episode || other.at > backBy || other.at + other.lastsMs <= now,
      );
      if (isUndisturbed) {
        timeline.at(backBy, () => {
          watch.checkFlows();
          watch.checkBack(JSON.stringify(episode));
          wayWatch.checkOpen(JSON.stringify(episode));
        });
      }
      if (isTroubled) timeline.at(isUndisturbed ? backBy : now, watch.troubleEnds);
    });
  };
  const schedule = (): void => {
    timeline.at(0, start);
    for (const episode of plan.episodes) timeline.at(episode.at, () => begin(episode));
  };
  const run = (): void => {
    schedule();
    timeline.runUntil(plan.endsAt - 30 * SECOND);
    watch.checkFlows();
    watch.checkBack('the last calm');
    watch.checkNoneDead();
    wayWatch.checkOpen('the last calm');
    wayWatch.checkPreferred();
    stop();
    timeline.runUntil(plan.endsAt);
    if (isRunning()) throw new Violation('stop ends in time', 'the agent still runs');
  };

  return {
    timeline,
    trace,
    registrar,
    /** The process that runs; null before the first. */
    process: () => process,
    /** Lets the world begin, as far as its time is run by hand. */
    schedule,
    /** The whole week; throws Violation. */
    run: (): void => {
      try {
        run();
      } catch (error) {
        if (error instanceof Violation) throw error;
        throw new Violation(
          'nothing breaks',
          error instanceof Error ? (error.stack ?? error.message) : String(error),
        );
      }
    },
  };
}

const NOTHING = (): void => {};
const NOBODY = { datagram: NOTHING, refused: NOTHING, streamData: NOTHING, streamClosed: NOTHING };
