// What the agent has for others than its operator: the HTTP server, notices, the mirror for Homer, the service manager. Each
// is loaded only when somebody wants it, and none of them can hold up a registration.

import { hepPlanOf, httpPlanOf, noticesPlanOf } from '../accounts/agent-settings.ts';
import type { LoadedAccounts } from '../accounts/load.ts';
import { COMMAND_TIMEOUT_MS, readText, type SecretsIo } from '../accounts/secrets.ts';
import { failure, type Result, success } from '../core/result.ts';
import type { Millis } from '../core/time.ts';
import type { AgentEvent } from './events.ts';
import type { RecentHistory } from './history.ts';
import type { AgentMetrics } from './metrics.ts';
import type { AgentOperations } from './operations.ts';
import type { ServiceReports } from './systemd/service-reports.ts';

export type ServicesOptions = {
  readonly loaded: LoadedAccounts;
  readonly operations: AgentOperations;
  /** null: nobody counts, because there is no HTTP server to ask. */
  readonly metrics: AgentMetrics | null;
  readonly history: (account: string) => RecentHistory | null;
  readonly product: string;
  /** For how long a registration has waited to be woken when its moment had come; 0: none has. */
  readonly overdueMs: () => Millis;
  readonly tell: (event: AgentEvent) => void;
};

export type Services = { readonly close: () => Promise<void> };

/** Among so many is the last REGISTER, unless a crowd of calls has come since. */
const EXCHANGE_MESSAGES = 40;

/** Starts what the accounts file asks for; refused, with words, when the HTTP server cannot be had. */
export async function startServices(options: ServicesOptions): Promise<Result<Services, string>> {
  const http = await startHttp(options);
  if (!http.ok) return http;
  const notices = await startNotices(options);
  const mirror = await startMirror(options);
  const reports = await startReports(options);
  return success({
    close: async () => {
      notices.close();
      mirror.close();
      await reports?.close();
      await http.value.close();
    },
  });
}

async function startHttp(options: ServicesOptions): Promise<Result<Services, string>> {
  const { loaded, operations, metrics, history } = options;
  const plan = httpPlanOf(loaded.document().agent, loaded.directory);
  if (plan === null || metrics === null) return success({ close: async () => undefined });
  const token = plan.token === null ? success(null) : await readText(plan.token, secretsIo());
  if (!token.ok) return failure(`agent.httpToken cannot be read: ${token.error}`);
  const { createHttpEndpoint } = await import('./http/endpoint.ts');
  const { trace } = operations;
  const endpoint = await createHttpEndpoint({
    listen: plan.listen,
    token: token.value,
    hosts: plan.hosts,
    view: { ...operations, history, exchange: (name) => [...trace.read([name], EXCHANGE_MESSAGES)] },
    metrics,
    notify: (text) => tellWarning(options, 'http.trouble', text),
  });
  if (!endpoint.ok) return endpoint;
  tellStart(options, 'http.started', `status page, metrics and API at ${endpoint.value.url}`);
  return endpoint;
}

async function startNotices(options: ServicesOptions): Promise<{ readonly close: () => void }> {
  const { loaded, operations, product, tell } = options;
  const plan = noticesPlanOf(loaded.document().agent, loaded.directory);
  if (plan === null) return { close: () => undefined };
  const { createNotices } = await import('./notices/notices.ts');
  return createNotices({
    plan,
    agent: operations,
    product,
    env: process.env,
    tell: (severity, code, text) => {
      if (severity === 'warning') tellWarning(options, code, text);
      else tell({ time: new Date().toISOString(), severity, type: 'agent', code, text });
    },
  });
}

async function startMirror(options: ServicesOptions): Promise<{ readonly close: () => void }> {
  const { loaded, operations } = options;
  const nothing = { close: () => undefined };
  const plan = hepPlanOf(loaded.document().agent, loaded.directory);
  if (plan === null) return nothing;
  const { server, id, node } = plan;
  const warn = (text: string): void => tellWarning(options, 'hep.trouble', text);
  const password = plan.password === null ? success(null) : await readText(plan.password, secretsIo());
  if (!password.ok) {
    warn(`agent.hep.password cannot be read, so that nothing is mirrored: ${password.error}`);
    return nothing;
  }
  const { startHepMirror } = await import('./trace/hep-mirror.ts');
  const sender = { id, node, password: password.value };
  const mirror = startHepMirror({ ...server, sender, trace: operations.trace, warn });
  const text = `every SIP message is mirrored to ${server.host} port ${server.port} (HEPv3), credentials redacted`;
  tellStart(options, 'hep.started', text);
  return mirror;
}

async function startReports(options: ServicesOptions): Promise<ServiceReports | null> {
  const { env } = process;
  if (env.NOTIFY_SOCKET === undefined) return null;
  const { operations: agent, overdueMs } = options;
  const { startServiceReports } = await import('./systemd/service-reports.ts');
  const warn = (text: string): void => tellWarning(options, 'systemd.not-heard', text);
  return startServiceReports({ agent, env, overdueMs, warn });
}

function secretsIo(): SecretsIo {
  return { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
}

function tellStart({ tell }: ServicesOptions, code: string, text: string): void {
  tell({ time: new Date().toISOString(), severity: 'notice', type: 'agent', code, text });
}

function tellWarning({ tell }: ServicesOptions, code: string, text: string): void {
  tell({ time: new Date().toISOString(), severity: 'warning', type: 'warning', account: null, code, text });
}
