// The network between the agent's host and the registrar: datagrams that are lost, late, doubled and out of order,
// streams that are held up while it is cut, a NAT that gives other ports from one moment to the next, and a path that
// swallows large datagrams.

import { type Rng, randomBetween } from '../../src/core/rng.ts';
import type { SocketAddress, Target } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';
import { createNat, HOST_ADDRESS } from './nat.ts';
import type { Timeline } from './timeline.ts';

/** How the network is; it changes while the world runs. */
export type Conditions = {
  /** Of the datagrams in each direction. */
  lossRate: number;
  duplicateRate: number;
  minDelayMs: Millis;
  maxDelayMs: Millis;
  isCut: boolean;
  /** Larger datagrams disappear on the way up. */
  mtuBytes: number;
};

/** A TCP connection, as both of its ends see it. */
export type Connection = {
  readonly id: number;
  readonly local: SocketAddress;
  readonly address: string;
  readonly source: SocketAddress;
  isOpenHere: boolean;
  isOpenThere: boolean;
};

/** A connection that does not come about: `untrusted` by the TLS handshake. */
export type ConnectFailure = 'refused' | 'timeout' | 'untrusted';

/** The registrar's end. */
export type Server = {
  readonly isThere: (address: string) => boolean;
  /** False: nobody listens at that address; the host is there and says so. */
  readonly isListening: (address: string) => boolean;
  /** Its certificate is the right one. */
  readonly isTrusted: (address: string) => boolean;
  readonly receive: (
    address: string,
    bytes: Uint8Array,
    from: { readonly source: SocketAddress; readonly isStream: boolean },
    reply: (bytes: Uint8Array) => void,
  ) => void;
};

/** The agent's end. */
export type Host = {
  readonly datagram: (localPort: number, bytes: Uint8Array) => void;
  readonly refused: (localPort: number) => void;
  readonly streamData: (connection: Connection, bytes: Uint8Array) => void;
  readonly streamClosed: (connection: Connection) => void;
};

export type Link = ReturnType<typeof createLink>;

type Wires = {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly conditions: Conditions;
  /** After which silence the NAT forgets a port; null: there is none. */
  readonly natTimeoutMs: Millis | null;
  readonly server: () => Server;
  readonly host: () => Host;
};

/** A kernel gives a connection up when nothing is acknowledged for so long (RFC 1122 §4.2.3.5, R2). */
const TCP_PATIENCE_MS: Millis = 924_000;

export function createLink({ timeline, rng, conditions, natTimeoutMs, server, host }: Wires) {
  const nat = createNat(natTimeoutMs, timeline.now);
  const connections = new Map<number, Connection>();
  let heldBack: (() => void)[] = [];
  let lost = 0;
  let ids = 0;

  const delay = (): Millis => randomBetween(rng, conditions.minDelayMs, conditions.maxDelayMs);
  const datagram = (deliver: () => void): void => {
    if (conditions.isCut || rng.unit() < conditions.lossRate) {
      lost += 1;
      return;
    }
    timeline.after(delay(), deliver);
    if (rng.unit() < conditions.duplicateRate) timeline.after(delay() + randomBetween(rng, 0, 800), deliver);
  };
  /** Streams hold back what a cut network does not take, and send it when it does. */
  const segment = (deliver: () => void): void => {
    if (conditions.isCut) heldBack.push(() => segment(deliver));
    else timeline.after(delay(), deliver);
  };
  const down = (bytes: Uint8Array, to: SocketAddress): void =>
    datagram(() => {
      const port = nat.localPortOf(to);
      if (port !== null) host().datagram(port, bytes);
      else lost += 1;
    });
  const forget = (connection: Connection): void => {
    if (!connection.isOpenHere && !connection.isOpenThere) connections.delete(connection.id);
  };
  const reset = (connection: Connection): void => {
    connection.isOpenThere = false;
    segment(() => {
      if (connection.isOpenHere) host().streamClosed(connection);
      connection.isOpenHere = false;
      forget(connection);
    });
  };
  const streamDown = (connection: Connection, bytes: Uint8Array): void =>
    segment(() => {
      if (connection.isOpenHere && nat.localPortOf(connection.source) === connection.local.port)
        host().streamData(connection, bytes);
    });

  return {
    /** Datagrams that did not arrive so far. */
    lost: () => lost,
    datagramUp: (
      localPort: number,
      remote: SocketAddress,
      bytes: Uint8Array,
      asksWhetherRefused: boolean,
    ) => {
      const source = nat.publicOf(localPort, false);
      if (bytes.length > conditions.mtuBytes) {
        lost += 1;
        return;
      }
      datagram(() => {
        const { isThere, isListening, receive } = server();
        if (!isThere(remote.address)) return;
        if (isListening(remote.address))
          receive(remote.address, bytes, { source, isStream: false }, (answer) => down(answer, source));
        else if (asksWhetherRefused) datagram(() => host().refused(localPort));
      });
    },
    connect: (
      localPort: number,
      remote: Target,
      timeoutMs: Millis,
      done: (result: Connection | ConnectFailure) => void,
    ): void => {
      let isSettled = false;
      const settle = (result: Connection | ConnectFailure): void => {
        if (!isSettled) done(result);
        isSettled = true;
      };
      timeline.after(timeoutMs, () => settle('timeout'));
      segment(() => {
        if (isSettled || !server().isThere(remote.address)) return;
        const isListening = server().isListening(remote.address);
        segment(() => {
          if (isSettled) return;
          const isTrusted = remote.transport !== 'tls' || server().isTrusted(remote.address);
          if (!isListening || !isTrusted) {
            settle(isListening ? 'untrusted' : 'refused');
            return;
          }
          ids += 1;
          const connection: Connection = {
            id: ids,
            local: { address: HOST_ADDRESS, port: localPort },
            address: remote.address,
            source: nat.publicOf(localPort, true),
            isOpenHere: true,
            isOpenThere: true,
          };
          connections.set(ids, connection);
          settle(connection);
        });
      });
    },
    streamUp: (connection: Connection, bytes: Uint8Array): void => {
      let isAcknowledged = false;
      timeline.after(TCP_PATIENCE_MS, () => {
        if (isAcknowledged || !connection.isOpenHere) return;
        host().streamClosed(connection);
        connection.isOpenHere = false;
        forget(connection);
      });
      segment(() => {
        const { isThere, isListening, receive } = server();
        const { address, local, source } = connection;
        // Behind a NAT that has forgotten the connection nothing arrives, and nobody says so.
        if (nat.publicOf(local.port, true).port !== source.port || !isThere(address)) return;
        isAcknowledged = true;
        if (!connection.isOpenThere || !isListening(address)) reset(connection);
        else receive(address, bytes, { source, isStream: true }, (answer) => streamDown(connection, answer));
      });
    },
    closeHere: (connection: Connection): void => {
      connection.isOpenHere = false;
      connection.isOpenThere = false;
      forget(connection);
    },
    /** The registrar's process ended or threw its connections away. */
    resetAll: (): void => {
      for (const connection of [...connections.values()]) if (connection.isOpenThere) reset(connection);
    },
    rebind: (): void => nat.rebind(),
    /** When the NAT last forgot everything. */
    reboundAt: () => nat.reboundAt(),
    /** The local port to which that address leads from outside; null: nowhere. */
    leadsTo: (address: SocketAddress): number | null => nat.localPortOf(address),
    /** What a cut held back goes on its way. */
    release: (): void => {
      const waiting = heldBack;
      heldBack = [];
      for (const send of waiting) send();
    },
  };
}
