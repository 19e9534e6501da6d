// A copy of every SIP message for Homer and its like (`agent.hep`): HEPv3 over UDP, as the trace shows it, so with its
// credentials redacted. It never holds up the agent: what the collector does not take is counted and told, and is gone.

import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import type { Millis } from '../../core/time.ts';
import { createUdpSocket } from '../../runtime/transport/udp-probe.ts';
import { type HepSender, hepPacket } from './hep.ts';
import type { TraceRing } from './trace-ring.ts';

export type HepMirrorOptions = {
  /** Where the collector is: a name or an IP literal, and its port. */
  readonly host: string;
  readonly port: number;
  readonly sender: HepSender;
  readonly trace: Pick<TraceRing, 'follow'>;
  /** Told when messages get lost, at most once an hour. */
  readonly warn: (text: string) => void;
};

export type HepMirror = { readonly close: () => void };

/** Packets that wait for the collector's address, or are with the system. */
const MAX_WAITING = 512;
/** After an error the collector's name is looked up again, and a new socket is opened. */
const REOPEN_AFTER_MS: Millis = 30_000;
const WARN_EVERY_MS: Millis = 3_600_000;

/** Begins to mirror what is said from now on. */
export function startHepMirror({ host, port, sender, trace, warn }: HepMirrorOptions): HepMirror {
  let socket: Socket | null = null;
  let isOpen = false;
  let waiting: Buffer[] = [];
  let underWay = 0;
  let lost = 0;
  let warnedAt = Number.NEGATIVE_INFINITY;
  let reopening: NodeJS.Timeout | undefined;
  let isClosed = false;

  const send = (packet: Buffer): void => {
    if ((isOpen ? underWay : waiting.length) >= MAX_WAITING) lost += 1;
    else if (socket === null || !isOpen) waiting.push(packet);
    else {
      underWay += 1;
      const sentOn = socket;
      sentOn.send(packet, (error) => {
        underWay -= 1;
        if (error === null) return;
        lost += 1;
        failed(sentOn, error);
      });
    }
  };
  const failed = (failing: Socket | null, error: Error): void => {
    // One error of a socket is enough: the others are about what was sent before it was closed.
    if (isClosed || failing !== socket) return;
    socket?.close();
    socket = null;
    isOpen = false;
    reopening = setTimeout(() => void open(), REOPEN_AFTER_MS).unref();
    if (performance.now() - warnedAt < WARN_EVERY_MS) return;
    warnedAt = performance.now();
    const retry = `it is tried again every ${REOPEN_AFTER_MS / 1_000} s; messages lost so far: ${lost}`;
    warn(`the HEP collector at ${host}:${port} cannot be reached: ${reasonOf(error)}; ${retry}`);
  };
  const opened = (): void => {
    if (isClosed) return;
    isOpen = true;
    const due = waiting;
    waiting = [];
    for (const packet of due) send(packet);
  };
  const open = async (): Promise<void> => {
    try {
      const { address } = await lookup(host);
      if (isClosed) return;
      const own = createUdpSocket(address).unref();
      socket = own;
      own.on('error', (error) => {
        // What came back to us was sent before.
        lost += 1;
        failed(own, error);
      });
      own.connect(port, address, (error?: Error) => (error ? failed(own, error) : opened()));
    } catch (error) {
      failed(null, error instanceof Error ? error : new Error(String(error)));
    }
  };
  const unfollow = trace.follow((message) => send(hepPacket(message, sender)));
  void open();
  return {
    close: () => {
      isClosed = true;
      unfollow();
      clearTimeout(reopening);
      socket?.close();
    },
  };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ECONNREFUSED' ? 'nothing listens there (ECONNREFUSED)' : error.message;
}
