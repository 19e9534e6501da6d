// Line and column of an offset in a text, for messages that say where something stands.

export type Position = { readonly line: number; readonly column: number };

/** Where each line begins. */
export function lineStarts(text: string): readonly number[] {
  return [
    0,
    ...Array.from(text.matchAll(/\r\n|\r|\n/g), (lineBreak) => lineBreak.index + lineBreak[0].length),
  ];
}

/** Line and column from 1; a column counts characters as an editor does (UTF-16 units). */
export function positionAt(starts: readonly number[], offset: number): Position {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}
