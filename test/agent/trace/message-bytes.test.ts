import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blocksFor, createMessageBytes } from '../../../src/agent/trace/message-bytes.ts';

describe('the bytes of messages', () => {
  it('are what was kept, whatever was kept and dropped in between, and take no more room than they say', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 2_000 }), { maxLength: 120 }),
        fc.infiniteStream(fc.nat()),
        (lengths, picks) => {
          const store = createMessageBytes(10_000);
          const kept = new Map<number, Buffer>();
          for (const [at, length] of lengths.entries()) {
            while (store.free() < blocksFor(length)) {
              const numbers = [...kept.keys()];
              const one = numbers[(picks.next().value ?? 0) % numbers.length] ?? 0;
              expect(kept.get(one)?.equals(store.read(one))).toBe(true);
              store.drop(one);
              kept.delete(one);
            }
            const bytes = Buffer.alloc(length, at + 1);
            const number = store.keep(bytes);
            expect(kept.has(number)).toBe(false);
            kept.set(number, bytes);
            const taken = [...kept.keys()].reduce((sum, one) => sum + store.blocksOf(one), 0);
            expect(taken + store.free()).toBe(store.blocks);
          }
          for (const [one, bytes] of kept) expect(bytes.equals(store.read(one))).toBe(true);
        },
      ),
    );
  });

  it('are a copy, and are refused when there is no room', () => {
    const store = createMessageBytes(1_000);
    const bytes = Buffer.from('REGISTER');
    const message = store.keep(bytes);
    bytes.fill(0);
    expect(String(store.read(message))).toBe('REGISTER');
    expect(store.blocksOf(store.keep(new Uint8Array(0)))).toBe(1);
    expect(() => store.keep(new Uint8Array(1_000))).toThrow('room');
  });
});
