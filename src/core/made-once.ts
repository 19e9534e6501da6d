// Thousands of accounts differ in little: what is made of the same part of the file, of the same text, or of
// equal pieces is made once and shared. Only for values that nobody changes.

/** `make`, called once for each object that it is given, for as long as that object lives. */
export function oncePerObject<K extends object, V>(make: (part: K) => V): (part: K) => V {
  const made = new WeakMap<K, V>();
  return (part) => {
    const known = made.get(part);
    if (known !== undefined) return known;
    const value = make(part);
    made.set(part, value);
    return value;
  };
}

/** `make`, called once for each text among the last ones that it was given. */
export function oncePerText<V>(make: (text: string) => V): (text: string) => V {
  let recent = new Map<string, V>();
  let former = recent;
  return (text) => {
    const known = recent.get(text);
    if (known !== undefined) return known;
    const value = former.get(text) ?? make(text);
    if (recent.size === MOST_TEXTS) {
      former = recent;
      recent = new Map();
    }
    recent.set(text, value);
    return value;
  };
}

/** `record`, or in its place one of the last ones that it was given, with the same in every field. */
export function oncePerContent<T extends object>(): (record: T) => T {
  const recent: T[] = [];
  return (record) => {
    const fields = Object.keys(record) as (keyof T)[];
    for (const one of recent) if (agrees(one, record, fields)) return one;
    if (recent.unshift(record) > MOST_RECORDS) recent.pop();
    return record;
  };
}

function agrees<T>(one: T, other: T, fields: readonly (keyof T)[]): boolean {
  for (const field of fields) if (one[field] !== other[field]) return false;
  return true;
}

const MOST_TEXTS = 64;
const MOST_RECORDS = 64;
