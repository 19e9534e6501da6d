// An immutable table of bounded size whose entries expire. It is cut into shards, so that a change copies one shard
// and not ten thousand entries. When a shard is full its oldest entry goes: what must not go needs room for all.

import type { Millis } from '../core/time.ts';

type Entry<Value> = { readonly value: Value; readonly expiresAt: Millis };

export type ExpiringTable<Value> = {
  readonly shards: readonly ReadonlyMap<string, Entry<Value>>[];
  readonly maxShardEntries: number;
};

/** A table that holds `maxEntries` at most, which is 256 at least; keys that spread badly make it hold fewer. */
export function emptyTable<Value>(maxEntries: number): ExpiringTable<Value> {
  const shards = Array.from({ length: SHARDS }, () => new Map<string, Entry<Value>>());
  return { shards, maxShardEntries: Math.max(1, Math.floor(maxEntries / SHARDS)) };
}

/** The value of `key`, unless it is absent or expired. */
export function lookUp<Value>(table: ExpiringTable<Value>, key: string, now: Millis): Value | undefined {
  const entry = table.shards[shardOf(key)]?.get(key);
  return entry === undefined || entry.expiresAt <= now ? undefined : entry.value;
}

/** The table with `value` for `key`, as its newest entry; expired ones and, when there is no room, the oldest go. */
export function store<Value>(
  table: ExpiringTable<Value>,
  { key, value, expiresAt, now }: Storing<Value>,
): ExpiringTable<Value> {
  const shard = new Map(table.shards[shardOf(key)]);
  shard.delete(key);
  for (const [old, entry] of shard) if (entry.expiresAt <= now) shard.delete(old);
  for (const old of shard.keys()) {
    if (shard.size < table.maxShardEntries) break;
    shard.delete(old);
  }
  shard.set(key, { value, expiresAt });
  return { ...table, shards: table.shards.with(shardOf(key), shard) };
}

export type Storing<Value> = {
  readonly key: string;
  readonly value: Value;
  readonly expiresAt: Millis;
  readonly now: Millis;
};

/** Entries that are held, expired ones included. */
export function sizeOf(table: ExpiringTable<unknown>): number {
  return table.shards.reduce((sum, shard) => sum + shard.size, 0);
}

function shardOf(key: string): number {
  let hash = 0;
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0;
  return (hash >>> 0) % SHARDS;
}

const SHARDS = 256;
