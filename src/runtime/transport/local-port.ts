// Which local ports to try, in order. Keeping the port of the last run keeps NAT bindings and the registrar's view
// of our contact; but a port that is taken by now is no reason to fail.

import type { FlowRequest } from './flow.ts';

/** A configured port is the only one; else the preferred one comes before any (0). */
export function localPortsToTry(request: FlowRequest): readonly number[] {
  const configured = request.local?.port ?? 0;
  if (configured !== 0) return [configured];
  return request.preferredPort === null ? [0] : [request.preferredPort, 0];
}
