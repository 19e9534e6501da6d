// Every bound of the codec, in one place. Input from the network is hostile; nothing here is small enough to
// meet a real server (RFC 4475 §3.1.1.7 longreq has a 3.5 kB message), and all of it is finite.

/** Octets of a whole message on a stream; a UDP datagram cannot be larger than 65,535 (RFC 3261 §18.1.1). */
export const MAX_MESSAGE_BYTES = 65_535;
/** Octets from the start line to the empty line. */
export const MAX_HEAD_BYTES = 32_768;
/** Header rows in one message, before comma lists are split. */
export const MAX_HEADER_ROWS = 256;
/** Values in one comma-separated list, over all its rows. */
export const MAX_LIST_VALUES = 256;
/** Parameters of one URI or header value. */
export const MAX_PARAMS = 64;
