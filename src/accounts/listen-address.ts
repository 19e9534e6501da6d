// Where the agent's HTTP server listens, as `agent.http` has it: "127.0.0.1:9724", "[::1]:9724", "localhost:9724".

import { ipVersion } from '../core/sip/ip.ts';

export type ListenAddress = {
  /** A name, or an IP literal without brackets. */
  readonly host: string;
  readonly port: number;
};

/** The parts of a text that `listenRule` has let pass. */
export function splitListen(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(text.slice(colon + 1)) };
}

/** Whether only this host reaches what listens at `host`. */
export function isLoopbackHost(host: string): boolean {
  if (ipVersion(host) === 4) return host.startsWith('127.');
  return host === '::1' || host.toLowerCase() === 'localhost';
}

/** Whether other hosts reach the HTTP server and need no token. */
export function isOpenToAll(agent: { readonly http?: string; readonly httpToken?: unknown }): boolean {
  return (
    agent.http !== undefined && agent.httpToken === undefined && !isLoopbackHost(splitListen(agent.http).host)
  );
}
