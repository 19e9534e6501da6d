// What each test of the control socket needs: a directory, agents that are made up, clients of all kinds, and an end of it all.

import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { askAgent } from '../../../src/agent/control/client.ts';
import {
  type ControlServer,
  type ControlServerOptions,
  startControlServer,
} from '../../../src/agent/control/server.ts';
import { type FakeAgent, fakeAgent } from './fake-operations.ts';

export const PATIENCE = { timeoutMs: 10_000 };
export const SHORT = { requestMs: 200, readMs: 200 };

export let directory: string;
export let path: string;
let running: ControlServer[];
export let clients: Socket[];

/** From here on the socket is `other`. */
export function usePath(other: string): void {
  path = other;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sipreg-control-'));
  // Others can go through it, as through /run.
  chmodSync(directory, 0o711);
  path = join(directory, 'run', 'agent.sock');
  running = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(running.map((server) => server.close()));
  rmSync(directory, { recursive: true });
});

export async function start(
  agent: FakeAgent,
  options: Partial<ControlServerOptions> = {},
): Promise<ControlServer> {
  const { operations } = agent;
  const notify = (text: string): never => {
    throw new Error(text);
  };
  const started = await startControlServer({ path, group: null, operations, notify, ...options });
  if (!started.ok) throw new Error(started.error.message);
  running.push(started.value);
  return started.value;
}

export async function refusal(options: Partial<ControlServerOptions> = {}) {
  const { operations } = fakeAgent();
  const started = await startControlServer({ path, group: null, operations, notify: () => {}, ...options });
  if (started.ok) running.push(started.value);
  return started.ok ? null : started.error;
}

export async function open(at = path): Promise<Socket> {
  const socket = connect({ path: at, allowHalfOpen: true });
  socket.on('error', () => undefined);
  clients.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** `once` would reject with the EPIPE of a client that still writes. */
export async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

/** All that comes until the other side ends. */
export async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await Promise.race([closed(socket), new Promise((resolve) => socket.once('end', resolve))]);
  return text;
}

export function status(at = path) {
  return askAgent(at, { command: 'status', accounts: [] }, PATIENCE);
}
