// Lets only so many through at a time; the others wait in line. Fifty thousand accounts of as many domains would else
// drown the resolver with questions, whose answers then come too late.

export type Gate = {
  /** Runs `work` when there is room for it, and hands on what becomes of it. */
  readonly pass: <R>(work: () => Promise<R>) => Promise<R>;
};

export function createGate(width: number): Gate {
  let inside = 0;
  const line: (() => void)[] = [];
  return {
    async pass(work) {
      // Whoever leaves hands its place on, so nobody overtakes the line.
      if (inside < width) inside += 1;
      else await new Promise<void>((enter) => line.push(enter));
      try {
        return await work();
      } finally {
        const next = line.shift();
        if (next === undefined) inside -= 1;
        else next();
      }
    },
  };
}
