// The keep-alive of streams in bytes (RFC 5626 §4.4.1), and what is none.

export const PING = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a);

/** The answer to a ping. */
export const PONG = Uint8Array.of(0x0d, 0x0a);

/** Whether the bytes that leave are a message, and no keep-alive, by CRLF or STUN (RFC 3261 §25.1: it begins with a token). */
export function isMessage(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >= FIRST_LETTER;
}

const FIRST_LETTER = 0x21;
