// What the network brings to a simulated process: datagrams and streams, refusals and ends, each to the flow it is for.

import type { FlowTable } from './flow-table.ts';
import type { Host } from './link.ts';
import type { SimFlow } from './sim-account.ts';

type Surroundings = {
  readonly flows: FlowTable;
  /** A machine that sleeps hears nothing. */
  readonly isHearing: () => boolean;
  readonly inProcess: (run: () => void) => void;
  readonly received: (bytes: Uint8Array) => void;
  readonly flowGone: (flow: SimFlow, code: 'connect.closed' | 'connect.refused', cause: string) => void;
};

export function createHost({ flows, isHearing, inProcess, received, flowGone }: Surroundings): Host {
  return {
    datagram: (port, bytes) => {
      if (isHearing() && flows.byPort(port)?.isOpen) received(bytes);
    },
    refused: (port) => {
      const flow = flows.byPort(port);
      if (isHearing() && flow?.isOpen) flowGone(flow, 'connect.refused', 'the port is closed');
    },
    streamData: (connection, bytes) =>
      inProcess(() => {
        if (flows.byConnection(connection) !== undefined) received(bytes);
      }),
    streamClosed: (connection) =>
      inProcess(() => {
        const flow = flows.byConnection(connection);
        if (flow !== undefined) flowGone(flow, 'connect.closed', 'the registrar closed the connection');
      }),
  };
}
