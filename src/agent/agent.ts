// The running agent, put together: supervisor, reload, watched secrets and clock, control socket, log. It lives from
// the first account to the last un-REGISTER.

import { dirname } from 'node:path';
import type { LoadedAccounts } from '../accounts/load.ts';
import { planOf } from '../accounts/plan.ts';
import { failure, type Result, success } from '../core/result.ts';
import type { Millis } from '../core/time.ts';
import { type NetworkChange, watchNetwork } from '../runtime/network-watch.ts';
import { watchClocks } from '../runtime/suspend.ts';
import type { KeyLog } from '../runtime/tls/key-log.ts';
import type { IdentityStore } from '../state/identity-store.ts';
import { startControlServer } from './control/server.ts';
import { watchEventLoop } from './event-loop.ts';
import type { AgentEvent, Severity } from './events.ts';
import { watchPeerExpiry } from './expiry-watch.ts';
import { type History, type HistoryNotice, openHistory } from './history.ts';
import { noteEvent } from './history-events.ts';
import { identityKey, nameOf } from './managed-registration.ts';
import { type AgentMetrics, createAgentMetrics } from './metrics.ts';
import { networkChangeNews } from './network-changes.ts';
import type { MessageListener } from './observer.ts';
import type { AgentOperations, AgentSnapshot, ReloadOutcome } from './operations.ts';
import { pauseAccounts, refreshAccounts, resumeAccounts } from './orders.ts';
import { redactedText } from './redacted-text.ts';
import { reload, reloadText } from './reload.ts';
import { watchSecrets } from './secret-watch.ts';
import { startServices } from './services.ts';
import { Supervisor } from './supervisor.ts';
import { checkTlsFiles, findingText } from './tls-files-check.ts';
import { type TlsWatch, watchTls } from './tls-watch.ts';
import { createTraceRing, type TraceRing, traceLimits } from './trace/trace-ring.ts';

export type AgentOptions = {
  readonly loaded: LoadedAccounts;
  readonly store: IdentityStore;
  /** Accounts to keep; empty: every enabled one. */
  readonly only: readonly string[];
  /** What nobody else may have meanwhile: the whole state directory, or just the accounts that are kept. */
  readonly holds: 'directory' | 'accounts';
  /** Seconds to ask for in place of the accounts' own; null: the accounts' own. */
  readonly expires: number | null;
  /** Credentials that were rejected before are tried at once, whatever they would have to wait. */
  readonly insists: boolean;
  readonly keepBindings: boolean;
  readonly version: string;
  readonly product: string;
  /** Where the control socket is; null: none. */
  readonly socketPath: string | null;
  /** Where the state is, for who asks; null: nowhere. */
  readonly stateDirectory: string | null;
  readonly log: (event: AgentEvent) => void;
  /** Aborted when it is to end: it waits for nothing then. */
  readonly end: AbortSignal;
  /** Somebody wants to see the SIP messages. */
  readonly tellsMessages: boolean;
  /** What is wrong with the agent itself now, for `status`. */
  readonly problems: () => readonly string[];
  /** Given, before anything begins, what tells an event to everybody who follows the agent. */
  readonly takesEvents?: (emit: (event: AgentEvent) => void) => void;
  /** Takes the secrets of TLS sessions, for Wireshark; without it they stay here. */
  readonly keyLog?: KeyLog | undefined;
};

/** How long another command that has the account may take to finish. */
const LOCK_WAIT_MS: Millis = 40_000;

export type RunningAgent = {
  /** Loads the accounts file again; it never runs twice at once. */
  readonly reload: () => Promise<ReloadOutcome>;
  /** Removes the bindings and ends; the accounts whose binding may still be there. `hurry`: at once. */
  readonly stop: (hurry: AbortSignal) => Promise<readonly string[]>;
};

/** Starts the agent; refused when another one has the state directory or the socket, with the words for it. */
export async function startAgent(options: AgentOptions): Promise<Result<RunningAgent, string>> {
  const agent = new Agent(options);
  return await agent.start();
}

class Agent {
  readonly #options: AgentOptions;
  readonly #supervisor: Supervisor;
  readonly #tls: TlsWatch;
  readonly #startedAt = new Date().toISOString();
  readonly #trace: TraceRing;
  /** null: there is no HTTP server to ask for them. */
  readonly #metrics: AgentMetrics | null;
  readonly #followers = new Set<(event: AgentEvent) => void>();
  readonly #closers: (() => unknown)[] = [];
  #loaded: LoadedAccounts;
  /** null: nobody keeps one, or it has ended. */
  #history: History | null = null;
  #historyProblem: string | null = null;
  #state: AgentSnapshot['state'] = 'starting';
  #lastReload: AgentSnapshot['lastReload'] = null;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(options: AgentOptions) {
    this.#options = options;
    options.takesEvents?.((event) => this.#emit(event));
    this.#loaded = options.loaded;
    this.#trace = createTraceRing(traceLimits(options.loaded.accounts.size));
    const hasHttp = options.loaded.document().agent?.http !== undefined;
    this.#metrics = hasHttp ? createAgentMetrics(Date.now() / 1000) : null;
    this.#tls = watchTls({
      emit: (event) => this.#emit(event),
      inUse: () => this.#supervisor.tlsInUse(),
      superseded: (concerns) => this.#supervisor.replaceTlsFlows(concerns, false),
      usable: (concerns) => this.#supervisor.tlsUsable(concerns),
      keyLog: options.keyLog,
    });
    this.#supervisor = new Supervisor({
      tls: this.#tls,
      product: options.product,
      store: options.store,
      only: options.only,
      pace: options.loaded.document().agent?.pacing,
      expires: options.expires,
      // Only the agent can be told to resume; a command that names the account is told to register it.
      heedsPauses: options.holds === 'directory',
      insists: options.insists,
      retryCommand: options.socketPath === null ? 'register --watch --force' : 'refresh',
      emit: (event) => this.#emit(event),
      message: this.#message,
      flowFailed: (account, transport) => this.#metrics?.flowFailed(account, transport),
      dropped: (flow, text) => this.#tell('debug', 'agent.dropped', `from ${flow.remote.address}: ${text}`),
    });
  }

  async start(): Promise<Result<RunningAgent, string>> {
    const refused = (await this.#hold()) ?? (await this.#openSocket()) ?? (await this.#startServices());
    if (refused !== null) {
      await this.#close();
      return failure(refused);
    }
    this.#openHistory();
    this.#watch();
    this.#tell('notice', 'agent.started', `sipreg ${this.#options.version} keeps ${this.#loaded.path}`);
    this.#checkTlsFiles().catch((error: unknown) => this.#bug(error));
    const started = this.#supervisor.start(this.#loaded, this.#options.end);
    // A reload that is asked for meanwhile waits for it.
    this.#reloading = started;
    await started;
    this.#noteStates();
    this.#state = 'running';
    this.#tell('debug', 'agent.running', 'every account has begun');
    return success({ reload: () => this.#reload(false), stop: (hurry) => this.#stop(hurry) });
  }

  /** Only who has the whole directory keeps one. */
  #openHistory(): void {
    const { stateDirectory: directory, holds } = this.#options;
    if (holds !== 'directory') return;
    const notify = ({ code, message }: HistoryNotice): void => {
      // What was set aside is told once; nothing is wrong any more.
      this.#historyProblem = code === 'history.unwritable' ? message : null;
      this.#warn(message, code);
    };
    this.#history = openHistory({ directory, accounts: this.#loaded.accounts.size, notify });
  }

  /** Accounts that rest, or have not begun, tell nothing by themselves. */
  #noteStates(): void {
    for (const { name, state } of this.#supervisor.members.byName.values()) this.#history?.note(name, state);
  }

  /** null: all is ours now; else who has it. */
  async #hold(): Promise<string | null> {
    const { store, only, holds } = this.#options;
    if (holds === 'directory') {
      const locked = await store.lockAgent();
      if (!locked.ok) return `${holderText(locked.error.pid)} ${IS_AGENT_HERE}`;
      this.#closers.push(() => locked.value.release());
      return null;
    }
    for (const name of only) {
      const entry = this.#loaded.accounts.get(name);
      if (entry === undefined) continue;
      const locked = await store.lockAccount(
        identityKey(planOf(name, entry, '')),
        LOCK_WAIT_MS,
        this.#options.end,
      );
      if (!locked.ok) return `${holderText(locked.error.pid)} has the account ${name} already; end it first`;
      this.#closers.push(() => locked.value.release());
    }
    return null;
  }

  async #openSocket(): Promise<string | null> {
    const { socketPath, stateDirectory } = this.#options;
    if (socketPath === null) return null;
    const group = this.#loaded.document().agent?.socketGroup ?? null;
    const server = await startControlServer({
      path: socketPath,
      group,
      operations: this.#operations(),
      notify: (text) => this.#warn(text),
    });
    if (server.ok) this.#closers.push(() => server.value.close());
    else if (server.error.type === 'unusable' && dirname(socketPath) === stateDirectory) {
      // Nobody has named it: as without a writable state directory (interface.md), the agent runs without it too.
      this.#warn(`${server.error.message}; no command reaches this agent`, 'agent.unreachable');
    } else return server.error.message;
    return null;
  }

  async #startServices(): Promise<string | null> {
    const services = await startServices({
      loaded: this.#loaded,
      operations: this.#operations(),
      metrics: this.#metrics,
      history: (name) => this.#history?.recent(name) ?? null,
      product: this.#options.product,
      overdueMs: () => this.#supervisor.overdueMs(),
      tell: (event) => this.#emit(event),
    });
    if (!services.ok) return services.error;
    this.#closers.push(services.value.close);
    return null;
  }

  #watch(): void {
    const secrets = watchSecrets(
      () => this.#supervisor.rejected(),
      (account) => {
        this.#supervisor.secretsTouched(account).catch((error: unknown) => this.#bug(error));
      },
    );
    const clocks = watchClocks({
      slept: (byMs) => {
        this.#tell('notice', 'agent.clock-jumped', `the machine slept for ${seconds(byMs)} s`);
        this.#supervisor.clockJumped(byMs);
      },
      stepped: (byMs) => {
        this.#tell('notice', 'agent.clock-stepped', `the wall clock was set by ${seconds(byMs)} s`);
        if (byMs > 0) this.#supervisor.clockJumped(0);
      },
    });
    const loop = watchEventLoop((event) => this.#emit(event));
    const network = watchNetwork((change) => {
      this.#networkChanged(change).catch((error: unknown) => this.#bug(error));
    });
    const expiry = watchPeerExpiry(
      () => this.#supervisor.engine.flows(),
      (event) => this.#emit(event),
    );
    this.#closers.push(secrets.stop, clocks.stop, loop.stop, network.stop, expiry.stop, this.#tls.stop);
  }

  async #networkChanged(change: NetworkChange): Promise<void> {
    await this.#supervisor.engine.networkChanged(change.gone);
    const woken = change.leadsFurther ? this.#supervisor.hostLeadsFurther() : 0;
    const { severity, text } = networkChangeNews(change, woken);
    this.#tell(severity, 'agent.network-changed', text);
  }

  /** What is wrong with TLS files is told once at the start, also of accounts that do not need them yet. */
  async #checkTlsFiles(): Promise<void> {
    const kept = this.#supervisor.keptOf(this.#loaded.accounts);
    for (const finding of await checkTlsFiles(kept, this.#loaded.directory)) {
      const code = finding.kind === 'problem' ? 'tls.material-invalid' : 'tls.material-doubtful';
      this.#warn(findingText(finding), code);
    }
  }

  #operations(): AgentOperations {
    const supervisor = this.#supervisor;
    return {
      agent: () => this.#snapshot(),
      names: () => [...supervisor.members.byName.keys()],
      snapshot: (name) => supervisor.snapshot(name),
      standpoint: (name) => supervisor.standpoint(name),
      detail: (name) => {
        const detail = supervisor.detail(name);
        return detail && { ...detail, uptime: this.#history?.uptime(name) ?? null };
      },
      refresh: (names) => refreshAccounts(supervisor, names),
      pause: (names) => pauseAccounts(supervisor, names),
      resume: (names) => resumeAccounts(supervisor, names),
      reload: ({ tls }) => this.#reload(tls),
      trace: this.#trace,
      follow: (listener) => {
        this.#followers.add(listener);
        return () => this.#followers.delete(listener);
      },
    };
  }

  #snapshot(): AgentSnapshot {
    const { registered, enabled } = this.#supervisor.members.count();
    return {
      pid: process.pid,
      version: this.#options.version,
      startedAt: this.#startedAt,
      state: this.#state,
      config: this.#loaded.path,
      socket: this.#options.socketPath,
      stateDirectory: this.#options.stateDirectory,
      registered,
      enabled,
      lastReload: this.#lastReload,
      problems: [
        ...this.#options.problems(),
        ...this.#tls.problems(),
        ...(this.#historyProblem === null ? [] : [this.#historyProblem]),
      ],
    };
  }

  #reload(movesTls: boolean): Promise<ReloadOutcome> {
    const next = this.#reloading.then(() => this.#reloadNow(movesTls));
    this.#reloading = next.catch(() => {});
    return next;
  }

  async #reloadNow(movesTls: boolean): Promise<ReloadOutcome> {
    if (this.#state === 'stopping') return { ok: false, problems: ['the agent is stopping'] };
    this.#tell('debug', 'agent.reloading', 'the accounts file is read again');
    const { outcome, loaded } = await reload(this.#supervisor, this.#loaded, this.#options.loaded);
    this.#loaded = loaded;
    const time = new Date().toISOString();
    const text = outcome.ok ? reloadText(outcome.report) : outcome.problems.join('; ');
    this.#lastReload = { at: time, ok: outcome.ok, text };
    const report = outcome.ok ? outcome.report : null;
    const severity = outcome.ok ? 'notice' : 'error';
    this.#emit({ time, severity, type: 'reload', ok: outcome.ok, text, report });
    this.#noteStates();
    if (!outcome.ok) return outcome;
    for (const warning of outcome.warnings) this.#warn(warning);
    this.#tls.forgetUnused();
    this.#supervisor.engine.lookUpAfresh();
    if (!movesTls) return outcome;
    await this.#tls.checkNow();
    return { ...outcome, reconnected: this.#supervisor.replaceTlsFlows(() => true, true) };
  }

  async #stop(hurry: AbortSignal): Promise<readonly string[]> {
    this.#state = 'stopping';
    const words = this.#options.keepBindings ? 'the bindings stay' : 'the bindings are removed';
    this.#tell('notice', 'agent.stopping', words);
    // That the accounts go down now is our own doing.
    const noted = this.#history?.stop();
    this.#history = null;
    const left = await this.#supervisor.stop(this.#options.keepBindings, hurry);
    for (const name of left) this.#warn(`${name}: its binding could not be removed; it stays until it ends`);
    this.#tell('notice', 'agent.ended', 'the agent has ended');
    await noted;
    await this.#close();
    return left;
  }

  async #close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
  }

  readonly #message: MessageListener = (direction, flow, account, content, bytes) => {
    this.#trace.note(Date.now(), direction, flow, account?.member ?? null, bytes);
    const name = account === null ? null : nameOf(account);
    this.#metrics?.message(direction, name, content);
    if (!this.#options.tellsMessages) return;
    const { transport, local, remote } = flow;
    const time = new Date().toISOString();
    const facts = { account: name, direction, transport, local, remote };
    this.#emit({ time, severity: 'debug', type: 'message', ...facts, text: redactedText(content) });
  };

  #warn(text: string, code = 'agent.warning'): void {
    const time = new Date().toISOString();
    this.#emit({ time, severity: 'warning', type: 'warning', account: null, code, text });
  }

  #tell(severity: Severity, code: string, text: string): void {
    this.#emit({ time: new Date().toISOString(), severity, type: 'agent', code, text });
  }

  #bug(error: unknown): void {
    this.#tell('error', 'agent.bug', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #emit(event: AgentEvent): void {
    this.#options.log(event);
    this.#metrics?.observe(event);
    if (this.#history !== null) noteEvent(this.#history, event);
    for (const follower of this.#followers) follower(event);
  }
}

const IS_AGENT_HERE = 'is the agent of this state directory already; see it with "sipreg status"';

function holderText(pid: number | null): string {
  return pid === null ? 'another process' : `process ${pid}`;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
