// A database table of another program, its columns in each version, and a row found in a text. Names of columns are in
// lower case throughout.

/** A table as its module knows it. */
export type TableShape = {
  readonly name: string;
  /** Columns that no other table has, under whatever name it goes. */
  readonly marks: readonly string[];
  /** The columns in their order, of each version that has its own number of them, for rows that do not name theirs. */
  readonly layouts: readonly (readonly string[])[];
};

/** A row, or one that cannot be read, at its offset in the text. Without NULL, DEFAULT and computed values. */
export type RowFinding =
  | { readonly at: number; readonly values: ReadonlyMap<string, string> }
  | { readonly at: number; readonly why: string };

/** Many times what a row of these tables holds: no time goes into more. */
export const MAX_ROW = 65_536;
export const TOO_LONG = 'it is longer than any row of that table';

/** A row with the names of its columns. */
export function rowOf(
  at: number,
  columns: readonly string[],
  values: readonly (string | null)[],
): RowFinding {
  if (values.length !== columns.length) {
    return { at, why: `it has ${values.length} values for ${columns.length} columns` };
  }
  const named = columns.map((column, index) => [column, values[index] ?? null] as const);
  return { at, values: new Map(named.filter((pair): pair is [string, string] => pair[1] !== null)) };
}
