// What the network brings to a simulated process: datagrams and streams, refusals and ends, each to the flow it is for.

import type { SocketAddress } from '../../src/core/sip/transport.ts';
import type { KeepAliveSign } from '../../src/runtime/transport/flow.ts';
import type { FlowTable } from './flow-table.ts';
import type { Host } from './link.ts';
import type { SimFlow } from './sim-account.ts';

type Surroundings = {
  readonly flows: FlowTable;
  /** A machine that sleeps hears nothing. */
  readonly isHearing: () => boolean;
  readonly inProcess: (run: () => void) => void;
  readonly received: (flow: SimFlow, bytes: Uint8Array) => void;
  readonly sign: (flow: SimFlow, sign: KeepAliveSign, source: SocketAddress) => void;
  readonly flowGone: (flow: SimFlow, code: 'connect.closed' | 'connect.refused', cause: string) => void;
};

export function createHost({ flows, isHearing, inProcess, received, sign, flowGone }: Surroundings): Host {
  return {
    datagram: (port, bytes) => {
      const flow = flows.byPort(port);
      if (!isHearing() || !flow?.isOpen) return;
      if ((bytes[0] ?? 0) < 2) sign(flow, { type: 'stun', bytes }, flow.remote);
      else received(flow, bytes);
    },
    refused: (port) => {
      const flow = flows.byPort(port);
      if (isHearing() && flow?.isOpen) flowGone(flow, 'connect.refused', 'the port is closed');
    },
    streamData: (connection, bytes) =>
      inProcess(() => {
        const flow = flows.byConnection(connection);
        if (flow === undefined) return;
        if (bytes[0] === CR) sign(flow, { type: 'pong' }, flow.remote);
        else received(flow, bytes);
      }),
    streamClosed: (connection) =>
      inProcess(() => {
        const flow = flows.byConnection(connection);
        if (flow !== undefined) flowGone(flow, 'connect.closed', 'the registrar closed the connection');
      }),
  };
}

const CR = 0x0d;
