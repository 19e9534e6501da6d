// The settings of the agent's HTTP server, of its notices and of its mirror, with their defaults filled in, and where their
// secrets are: the token, the collector's password, and URLs that hold one. None is read here.

import type { TextSource } from '../core/text-source.ts';
import { type ListenAddress, splitListen } from './listen-address.ts';
import { textSource } from './plan.ts';
import type { AgentEntry } from './schema.ts';
import { httpUrlRule, type Rule, tokenRule } from './value-rules.ts';

export type HttpPlan = {
  readonly listen: ListenAddress;
  /** What clients have to show; null: nothing, because nobody but this host reaches it. */
  readonly token: TextSource | null;
  /** Names that a Host header may have, besides those of `listen`. */
  readonly hosts: readonly string[];
};

export type NoticesPlan = {
  /** An account stays so long in its new condition before it is told. */
  readonly afterSeconds: number;
  /** Who is still down is told again after this time; 0: never. */
  readonly repeatSeconds: number;
  readonly command: readonly string[] | null;
  readonly webhook: TextSource | null;
  readonly heartbeat: { readonly url: TextSource; readonly intervalSeconds: number } | null;
};

export type HepPlan = {
  /** Where the collector is. */
  readonly server: ListenAddress;
  readonly id: number;
  readonly node: string | null;
  readonly password: TextSource | null;
};

/** null: no HTTP server is wanted. Relative paths begin at `directory`. */
export function httpPlanOf(agent: AgentEntry | undefined, directory: string): HttpPlan | null {
  if (agent?.http === undefined) return null;
  return {
    listen: splitListen(agent.http),
    token: agent.httpToken === undefined ? null : textSource(agent.httpToken, directory),
    hosts: agent.httpHosts ?? [],
  };
}

/** null: nobody is to be told. Relative paths begin at `directory`. */
export function noticesPlanOf(agent: AgentEntry | undefined, directory: string): NoticesPlan | null {
  const { after, repeat, command, webhook, heartbeat } = agent?.notices ?? {};
  if (command === undefined && webhook === undefined && heartbeat === undefined) return null;
  return {
    afterSeconds: after ?? 60,
    repeatSeconds: repeat ?? 21_600,
    command: command ?? null,
    webhook: webhook === undefined ? null : textSource(webhook, directory),
    heartbeat:
      heartbeat === undefined
        ? null
        : { url: textSource(heartbeat.url, directory), intervalSeconds: heartbeat.interval ?? 60 },
  };
}

/** null: nobody gets a copy of the messages. Relative paths begin at `directory`. */
export function hepPlanOf(agent: AgentEntry | undefined, directory: string): HepPlan | null {
  if (agent?.hep === undefined) return null;
  const { server, id, node, password } = agent.hep;
  return {
    server: splitListen(server),
    id: id ?? 1,
    node: node ?? null,
    password: password === undefined ? null : textSource(password, directory),
  };
}

/** Where the secrets of the agent itself are, each with its key, and what each must look like. Relative paths begin at `directory`. */
export function agentSecretsOf(
  agent: AgentEntry | undefined,
  directory: string,
): readonly { readonly key: string; readonly source: TextSource; readonly rule: Rule }[] {
  const { webhook, heartbeat } = agent?.notices ?? {};
  const secrets = [
    ['agent.httpToken', agent?.httpToken, tokenRule],
    ['agent.notices.webhook', webhook, readUrlRule],
    ['agent.notices.heartbeat.url', heartbeat?.url, readUrlRule],
    ['agent.hep.password', agent?.hep?.password, () => null],
  ] as const;
  return secrets.flatMap(([key, secret, rule]) =>
    secret === undefined ? [] : [{ key, source: textSource(secret, directory), rule }],
  );
}

/** A URL as it was read from somewhere: what stands around it does no harm. */
export const readUrlRule: Rule = (text) => httpUrlRule(text.trim());
