// Names that this host knows by itself: those of /etc/hosts, "localhost" and names without a dot. Whoever writes such an
// entry wants it to lead there, so DNS is not asked for SRV records that would lead elsewhere.

import { readFile } from 'node:fs';
import { promisify } from 'node:util';
import { dnsName } from '../../core/resolve/question.ts';
import type { Millis } from '../../core/time.ts';

export type LocalNames = {
  /** Whether `name` is resolved here and not by DNS. */
  readonly has: (name: string) => Promise<boolean>;
};

/** The file is read again after this time, when somebody asks. */
const READ_AGAIN_MS: Millis = 5_000;
const MAX_BYTES = 4_000_000;

/** Names of the hosts file at `path` (hosts(5)). A file that is not there has none. */
export function createLocalNames(now: () => Millis, path = '/etc/hosts'): LocalNames {
  let names: Promise<ReadonlySet<string>> = Promise.resolve(new Set<string>());
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    async has(name) {
      if (!name.includes('.') || name.endsWith('.localhost')) return true;
      if (now() - readAt >= READ_AGAIN_MS) {
        readAt = now();
        names = readNames(path);
      }
      return (await names).has(dnsName(name));
    },
  };
}

async function readNames(path: string): Promise<ReadonlySet<string>> {
  // Systems without the file, or with an unreadable one, resolve by DNS alone: so does getaddrinfo.
  const text = await promisify(readFile)(path, 'latin1').catch(() => '');
  const names = new Set<string>();
  for (const line of text.slice(0, MAX_BYTES).split('\n')) {
    const [, ...aliases] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    for (const alias of aliases) names.add(dnsName(alias));
  }
  return names;
}
