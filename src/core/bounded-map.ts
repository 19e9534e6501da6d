// Maps with room for so many and no more: what came first gives way. For what may be forgotten at any time, and is then only
// learned anew.

/** Sets `key`; in a map that is full, in the place of the one that came first. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, limit: number): void {
  if (map.size >= limit && !map.has(key)) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, value);
}
