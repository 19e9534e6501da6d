// A crash made small: pieces are taken out as long as what is left still fails, large ones first.

const MOST_TRIES = 5_000;

/** The shortest input that was found which still fails. */
export function minimised(bytes: Uint8Array, fails: (bytes: Uint8Array) => boolean): Uint8Array {
  let small = bytes;
  let tries = 0;
  for (let piece = Math.ceil(small.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < small.length && tries < MOST_TRIES; tries++) {
      const less = without(small, at, piece);
      if (fails(less)) small = less;
      else at += piece;
    }
  }
  return small;
}

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const end = Math.min(bytes.length, at + count);
  const rest = new Uint8Array(bytes.length - (end - at));
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(end), at);
  return rest;
}
