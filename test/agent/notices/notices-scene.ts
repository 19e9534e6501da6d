// What the tests of notices need: an agent that is made up, a server that remembers what it was sent, a folder.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { NoticesPlan } from '../../../src/accounts/agent-settings.ts';
import { createNotices } from '../../../src/agent/notices/notices.ts';
import type { AccountSnapshot } from '../../../src/core/health/snapshot.ts';
import { accountNamed } from '../control/fake-operations.ts';
import type { FakeView } from '../http/http-scene.ts';
import { failureSnapshot } from '../log/events.ts';

export type Told = { readonly severity: string; readonly code: string; readonly text: string };

/** Notices of `fake`, until the test ends; what is told of them. */
export function begin(
  fake: FakeView,
  plan: Partial<NoticesPlan>,
  env: Record<string, string> = {},
): readonly Told[] {
  const told: Told[] = [];
  const notices = createNotices({
    plan: { afterSeconds: 0, repeatSeconds: 0, command: null, webhook: null, heartbeat: null, ...plan },
    agent: fake.view,
    product: 'sipreg/1.2.3',
    env: { PATH: process.env.PATH ?? '', ...env },
    tell: (severity, code, text) => told.push({ severity, code, text }),
  });
  onTestFinished(notices.close);
  return told;
}

export function isDown(name: string): AccountSnapshot {
  return accountNamed(name, { state: 'waiting', failure: failureSnapshot('connect.refused', 0) });
}

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Receiver = {
  readonly url: string;
  /** Grows. */
  readonly asked: readonly Asked[];
  readonly stop: () => void;
};

/** As `startReceiver`, until the test ends. */
export async function receiver(...statuses: readonly number[]): Promise<Receiver> {
  const started = await startReceiver(...statuses);
  onTestFinished(started.stop);
  return started;
}

/** A server that answers with `statuses` in turn, then with the last of them; 0: it never answers. */
export async function startReceiver(...statuses: readonly number[]): Promise<Receiver> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      const status = statuses[Math.min(asked.length, statuses.length - 1)] ?? 200;
      const { method = '', url: path = '', headers } = request;
      asked.push({ method, path, headers, body });
      if (status !== 0) response.writeHead(status, { Location: 'http://127.0.0.1:1/elsewhere' }).end('noted');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, stop };
}

/** A folder that goes away with the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sipreg-notices-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Looked at again and again, for as long as a busy machine may take. */
export const eventually = <T>(look: () => T | Promise<T>) => expect.poll(look, { timeout: 15_000 });
