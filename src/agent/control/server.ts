// The agent's end of the control socket: a Unix socket, 0600, so that the system says who may connect.
//
// A group that may read gets a socket of its own. Node cannot ask who is at the other end (SO_PEERCRED), so rights are
// those of the file: `agent.socketGroup` makes the socket 0660 and takes the commands from it, whoever asks, and the
// agent's own user (and root) commands at a second one beside it, which stays 0600. Each has its own limit of clients,
// so that readers cannot keep the operator out.

import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Result, success } from '../../core/result.ts';
import type { Millis } from '../../core/time.ts';
import type { AgentOperations } from '../operations.ts';
import { type Answerer, createAnswerer, type Permission } from './answers.ts';
import { answerLine } from './protocol.ts';
import { DEFAULT_LIMITS, type Session, type SessionLimits, serveClient } from './session.ts';
import {
  groupObstacle,
  leavePlace,
  listenAt,
  obstacleAt,
  type SocketProblem,
  takePlace,
} from './socket-file.ts';
import { operatorSocketPath } from './socket-path.ts';
import { watchSockets } from './socket-watch.ts';

/** Clients of one socket at a time; who comes then is told so. */
export const MAX_CLIENTS = 512;

export type ControlServerOptions = {
  /** Absolute. */
  readonly path: string;
  /** A group by name or number, whose members may read; null: nobody but this user and root. */
  readonly group: string | null;
  readonly operations: AgentOperations;
  /** Told when clients cannot be taken in: no file descriptors are left, say. */
  readonly notify: (text: string) => void;
  readonly limits?: SessionLimits;
  /** How often it looks whether the socket is still there (5 s). */
  readonly lookEveryMs?: Millis;
};

const LOOK_EVERY_MS: Millis = 5_000;

export type ControlServer = {
  readonly path: string;
  /** Ends every client and removes the socket; nobody can connect from the moment of the call. */
  readonly close: () => Promise<void>;
};

/** Listens at `path`. Fails when another agent does (its process is named), or when no socket can be made there. */
export async function startControlServer(
  options: ControlServerOptions,
): Promise<Result<ControlServer, SocketProblem>> {
  const { path, group, operations, notify, limits = DEFAULT_LIMITS, lookEveryMs = LOOK_EVERY_MS } = options;
  const operatorPath = operatorSocketPath(path);
  const taken = await takePlace(path, group);
  if (!taken.ok) return taken;
  let place = taken.value;
  // An earlier agent, which had a group, may have died.
  rmSync(operatorPath, { force: true });
  const answerer = createAnswerer(operations);
  const reception = (may: Permission): Reception => createReception({ answerer, may, notify, limits });
  const sockets: readonly Listening[] =
    group === null
      ? [{ path, group, reception: reception('command') }]
      : [
          { path: operatorPath, group: null, reception: reception('command') },
          { path, group, reception: reception('read') },
        ];
  const listen = async (some: readonly Listening[]): Promise<Result<void, SocketProblem>> => {
    for (const socket of some) {
      const listening = await listenAt(socket.reception.server, socket.path, socket.group);
      if (!listening.ok) return listening;
    }
    return success(undefined);
  };
  const close = async (): Promise<void> => {
    leavePlace(place, [path, operatorPath]);
    answerer.close();
    await Promise.all(sockets.map((one) => one.reception.close()));
  };
  const listening = await listen(sockets);
  if (!listening.ok) {
    await close();
    return listening;
  }
  const barrier = group === null ? null : groupObstacle(path);
  if (barrier !== null) {
    notify(`agent.socketGroup does not help its members: ${barrier}, or choose another agent.socket`);
  }
  const restore = async (gone: readonly string[]): Promise<string | null> => {
    if (!place.lock.isHeld()) {
      // Until there is another the old one is kept: where it cannot be looked at for a while it is still ours afterwards.
      const again = await takePlace(path, group);
      if (!again.ok) return again.error.message;
      place.lock.release();
      place = again.value;
    }
    const lost = sockets.filter((socket) => gone.includes(socket.path));
    for (const socket of lost) {
      const obstacle = await obstacleAt(socket.path);
      if (obstacle !== null) return obstacle;
      socket.reception.server.close();
    }
    const outcome = await listen(lost);
    return outcome.ok ? null : outcome.error.message;
  };
  const paths = sockets.map((socket) => socket.path);
  const watch = watchSockets({ paths, everyMs: lookEveryMs, restore, notify });
  return success({
    path,
    close: async () => {
      await watch.stop();
      await close();
    },
  });
}

type Listening = { readonly path: string; readonly group: string | null; readonly reception: Reception };

/** A server with its clients. */
type Reception = { readonly server: Server; readonly close: () => Promise<void> };

type Welcome = {
  readonly answerer: Answerer;
  readonly may: Permission;
  readonly notify: (text: string) => void;
  readonly limits: SessionLimits;
};

function createReception({ answerer, may, notify, limits }: Welcome): Reception {
  const sessions = new Map<Socket, Session>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (sessions.size >= MAX_CLIENTS) {
      turnAway(socket);
      return;
    }
    sessions.set(socket, serveClient(socket, answerer, may, limits));
    socket.once('close', () => sessions.delete(socket));
  });
  server.on('error', (error) =>
    notify(`a client of the control socket could not be taken in: ${error.message}`),
  );
  return {
    server,
    close: async () => {
      // One whose socket could not be made again may still have clients.
      const closed = server.listening ? new Promise<void>((resolve) => server.close(() => resolve())) : null;
      for (const session of sessions.values()) session.end();
      await closed;
    },
  };
}

/** What it sends is not read; it is gone with the next turn of the event loop. */
function turnAway(socket: Socket): void {
  socket.on('error', () => undefined);
  const message = `the agent has ${MAX_CLIENTS} clients already`;
  socket.end(answerLine(null, { type: 'error', error: { code: 'busy', message } }));
  socket.destroySoon();
}
