// The NAT between the agent's host and the world: a public port for each local one, the same towards everybody, until
// nothing has left through it for a while, or the NAT forgets everything (RFC 4787 §4.1, §4.3).

import type { SocketAddress } from '../../src/core/sip/transport.ts';
import type { Millis } from '../../src/core/time.ts';

export const HOST_ADDRESS = '10.0.0.5';
const PUBLIC_ADDRESS = '203.0.113.7';

type Mapping = {
  readonly localPort: number;
  readonly publicPort: number;
  readonly timeoutMs: Millis;
  usedAt: Millis;
};

/** RFC 5382 §5: connections are remembered for longer than RFC 4787 §4.3 has datagrams remembered. */
const PATIENCE_WITH_STREAMS = 10;

/** A port is forgotten after `timeoutMs` without a datagram, or ten times that on a stream; null: there is no NAT. */
export function createNat(timeoutMs: Millis | null, now: () => Millis) {
  let byLocal = new Map<number, Mapping>();
  let byPublic = new Map<number, Mapping>();
  let next = 20_000;
  let reboundAt: Millis = -1;

  const alive = (mapping: Mapping | undefined): Mapping | undefined =>
    mapping !== undefined && now() - mapping.usedAt <= mapping.timeoutMs ? mapping : undefined;
  return {
    /** Something leaves: its source as the world sees it. */
    publicOf: (localPort: number, isStream: boolean): SocketAddress => {
      if (timeoutMs === null) return { address: HOST_ADDRESS, port: localPort };
      const known = alive(byLocal.get(localPort));
      if (known !== undefined) {
        known.usedAt = now();
        return { address: PUBLIC_ADDRESS, port: known.publicPort };
      }
      next += 1;
      const patience = isStream ? PATIENCE_WITH_STREAMS * timeoutMs : timeoutMs;
      const mapping = { localPort, publicPort: next, timeoutMs: patience, usedAt: now() };
      byLocal.set(localPort, mapping);
      byPublic.set(next, mapping);
      return { address: PUBLIC_ADDRESS, port: next };
    },
    /** Where what comes for `port` goes; null: nowhere. */
    localPortOf: ({ port }: SocketAddress): number | null => {
      if (timeoutMs === null) return port;
      const mapping = alive(byPublic.get(port));
      return mapping !== undefined && byLocal.get(mapping.localPort) === mapping ? mapping.localPort : null;
    },
    rebind: (): void => {
      byLocal = new Map();
      byPublic = new Map();
      reboundAt = now();
    },
    /** When it last forgot everything. */
    reboundAt: () => reboundAt,
  };
}
