// Notices, put together: who is told (a command, a webhook, a heartbeat) of what has happened to the accounts, of what
// is wrong with the agent itself, and of certificates near their end. Loaded only when `agent.notices` names somebody.

import type { NoticesPlan } from '../../accounts/agent-settings.ts';
import { COMMAND_TIMEOUT_MS, type SecretsIo } from '../../accounts/secrets.ts';
import { failure } from '../../core/result.ts';
import { messageOf } from '../../core/thrown.ts';
import type { Millis } from '../../core/time.ts';
import { type AccountWatch, type WatchedAgent, watchAccounts } from './account-watch.ts';
import { watchTroubles } from './agent-watch.ts';
import { watchCertificates } from './certificate-watch.ts';
import { commandDelivery } from './command.ts';
import { createDelivery, type Deliver, type Delivery } from './delivery.ts';
import { startHeartbeat } from './heartbeat.ts';
import { post, secretUrl } from './http-request.ts';
import { agentPart, type Notice, noticeDocument } from './notice.ts';

export type NoticesOptions = {
  readonly plan: NoticesPlan;
  readonly agent: WatchedAgent;
  /** "sipreg/1.0.0". */
  readonly product: string;
  /** The agent's own environment, of which commands get a harmless part. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told what did not arrive (`warning`), and what commands print (`debug`). */
  readonly tell: (severity: 'warning' | 'debug', code: string, text: string) => void;
};

export type Notices = {
  /** What has not arrived is given up; commands are ended. */
  readonly close: () => void;
};

/** A webhook is tried four times within about a minute and a half. */
const WEBHOOK_PAUSES_MS: readonly Millis[] = [2_000, 15_000, 60_000];
const WEBHOOK_WITHIN_MS: Millis = 10_000;

/** Begins to watch the accounts and to tell of them. */
export function createNotices({ plan, agent, product, env, tell }: NoticesOptions): Notices {
  const io: SecretsIo = { env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
  const deliveries: Delivery[] = [];
  const warnBy =
    (code: string) =>
    (text: string): void =>
      tell('warning', code, text);
  if (plan.command !== null) {
    const printed = (text: string): void => tell('debug', 'notices.command', text);
    const deliver = commandDelivery({ argv: plan.command, env, printed });
    deliveries.push(createDelivery('agent.notices.command', deliver, [], warnBy('notices.command')));
  }
  if (plan.webhook !== null) {
    const [name, warn] = ['agent.notices.webhook', warnBy('notices.webhook')];
    const unread = (why: string): void => warn(`${name} cannot be told anything: ${why}`);
    // Told now: at the outage nobody would hear of it.
    secretUrl(plan.webhook, io)
      .read()
      .then(
        (read) => read.ok || unread(read.error),
        (error: unknown) => unread(messageOf(error)),
      );
    const deliver = webhookDelivery(secretUrl(plan.webhook, io), product);
    deliveries.push(createDelivery(name, deliver, WEBHOOK_PAUSES_MS, warn));
  }
  const settings = { afterMs: plan.afterSeconds * 1000, repeatMs: plan.repeatSeconds * 1000 };
  const notify = (notice: Notice): void => {
    for (const delivery of deliveries) delivery.push(notice);
    heartbeat?.hurry();
  };
  const watch: AccountWatch = watchAccounts(agent, settings, notify);
  const troubles = watchTroubles(agent, settings, notify);
  const certificates = watchCertificates(agent, notify);
  const heartbeat =
    plan.heartbeat === null
      ? null
      : startHeartbeat({
          url: secretUrl(plan.heartbeat.url, io),
          intervalMs: plan.heartbeat.intervalSeconds * 1000,
          health: watch.health,
          body: () => summaryText(agent),
          userAgent: product,
          warn: warnBy('notices.heartbeat'),
        });
  return {
    close: () => {
      watch.close();
      troubles.close();
      certificates.close();
      heartbeat?.close();
      for (const delivery of deliveries) delivery.close();
    },
  };
}

function webhookDelivery(url: ReturnType<typeof secretUrl>, userAgent: string): Deliver {
  return async (notice, end) => {
    const known = await url.read();
    if (!known.ok) return failure({ text: known.error, isFinal: false });
    const body = JSON.stringify(noticeDocument(notice));
    const type = 'application/json; charset=utf-8';
    const outcome = await post(known.value, { body, type, userAgent, withinMs: WEBHOOK_WITHIN_MS, end });
    if (!outcome.ok) url.forget();
    return outcome;
  };
}

const SUMMARY_ACCOUNTS = 20;

/** "7 of 8 registered", and a line for each account that is down, and for what is wrong with the agent. */
function summaryText(agent: WatchedAgent): string {
  const { troubles, agent: facts } = agentPart(agent.agent());
  const lines = [
    `${facts.registered} of ${facts.enabled} registered`,
    ...troubles.map((text) => `the agent: ${text}`),
  ];
  for (const name of agent.names()) {
    if (lines.length > SUMMARY_ACCOUNTS) break;
    if ((agent.standpoint(name)?.failure ?? null) === null) continue;
    const snapshot = agent.snapshot(name);
    const cause = snapshot?.failure;
    if (snapshot === undefined || cause === null || cause === undefined) continue;
    lines.push(`${name}: ${snapshot.state}, ${cause.code}: ${cause.cause}`);
  }
  return lines.join('\n');
}
