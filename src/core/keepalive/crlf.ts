// The keep-alive of streams in bytes (RFC 5626 §4.4.1).

export const PING = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a);

/** The answer to a ping. */
export const PONG = Uint8Array.of(0x0d, 0x0a);
