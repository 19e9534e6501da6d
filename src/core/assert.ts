// Assertions stay on in production: a broken invariant ends one account's machine, never the process in silence.

/** A bug of ours: something that the code itself promised does not hold. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError unless `condition` holds; `message` says what was promised. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
