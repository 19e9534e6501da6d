// Many lists of rows, each row a few numbers, in two arrays: keeping a row makes no object, and a row that was given up is
// used again. A list is known by its last row, and a row by its number; where a row stands in a list nobody asks.

/** No row; as a list: the empty one. */
export const NONE = -1;

export class RowLists {
  readonly #width: number;
  #numbers: Float64Array;
  /** Which row follows: the last of a list is followed by its first, a free row by another one. */
  #next: Int32Array;
  #free = NONE;
  /** From here on no row was ever used. */
  #untouched = 0;

  /** Rows of `width` numbers, with room for `rows` of them before it has to grow. */
  constructor(width: number, rows: number) {
    this.#width = width;
    this.#numbers = new Float64Array(rows * width);
    this.#next = new Int32Array(rows);
  }

  /** The list with one row more. */
  append(list: number, numbers: readonly number[]): number {
    const row = this.#take();
    for (let column = 0; column < this.#width; column++) this.set(row, column, numbers[column] ?? 0);
    this.#next[row] = list === NONE ? row : this.#after(list);
    if (list !== NONE) this.#next[list] = row;
    return row;
  }

  get(row: number, column: number): number {
    return this.#numbers[row * this.#width + column] ?? 0;
  }

  set(row: number, column: number, value: number): void {
    this.#numbers[row * this.#width + column] = value;
  }

  /** From the first to the last. */
  rowsOf(list: number): readonly number[] {
    const rows: number[] = [];
    if (list === NONE) return rows;
    for (let row = this.#after(list); row !== list; row = this.#after(row)) rows.push(row);
    rows.push(list);
    return rows;
  }

  /** Gives up every row of the list. */
  release(list: number): void {
    if (list === NONE) return;
    const first = this.#after(list);
    this.#next[list] = this.#free;
    this.#free = first;
  }

  #after(row: number): number {
    return this.#next[row] ?? NONE;
  }

  #take(): number {
    const row = this.#free;
    if (row !== NONE) {
      this.#free = this.#after(row);
      return row;
    }
    if (this.#untouched === this.#next.length) {
      const rows = grownTo(this.#untouched);
      this.#numbers = withRoom(this.#numbers, new Float64Array(rows * this.#width));
      this.#next = withRoom(this.#next, new Int32Array(rows));
    }
    return this.#untouched++;
  }
}

/** How many there is room for after `count` have filled what there was. */
export function grownTo(count: number): number {
  return Math.max(16, 2 * count);
}

/** `larger` with what stands in `column`. The system gives it its memory only as it is used. */
export function withRoom<Column extends Float64Array | Int32Array | Uint8Array>(
  column: Column,
  larger: Column,
): Column {
  larger.set(column);
  return larger;
}
