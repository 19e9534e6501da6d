// Hands out a notice of a certificate that is near its end, a server's or our own. The agent warns once for each level
// and certificate (behaviour.md §21), and each such warning is a notice.

import type { WatchedAgent } from './account-watch.ts';
import { agentPart, type Notice } from './notice.ts';

const EXPIRING: ReadonlySet<string> = new Set(['tls.peer-expiring', 'tls.certificate-expiring']);

export function watchCertificates(
  agent: Pick<WatchedAgent, 'agent' | 'follow'>,
  notify: (notice: Notice) => void,
): { readonly close: () => void } {
  const unfollow = agent.follow((event) => {
    if (event.type !== 'warning' || !EXPIRING.has(event.code)) return;
    const { time, text } = event;
    notify({
      event: 'certificate',
      time,
      count: 0,
      accounts: [],
      certificates: [text],
      ...agentPart(agent.agent()),
    });
  });
  return { close: unfollow };
}
