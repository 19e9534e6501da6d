import { describe, expect, it } from 'vitest';
import { oncePerContent, oncePerObject, oncePerText } from '../../src/core/made-once.ts';

describe('what is made once', () => {
  it('for each object', () => {
    const make = oncePerObject(({ size }: { readonly size: number }) => ({ size }));
    const part = { size: 1 };
    expect(make(part)).toBe(make(part));
    expect(make({ size: 1 })).not.toBe(make(part));
  });

  it('for each text among the last ones, and no more of them than that', () => {
    let calls = 0;
    const make = oncePerText((text) => {
      calls += 1;
      return { text };
    });
    const first = make('shared');
    for (let at = 0; at < 1_000; at++) {
      expect(make(`own ${at}`)).toEqual({ text: `own ${at}` });
      expect(make('shared')).toBe(first);
    }
    expect(calls).toBe(1_001);
    make('own 0');
    expect(calls).toBe(1_002);
  });

  it('for each content among the last records', () => {
    const part = {};
    const share = oncePerContent<{ readonly part: object; readonly size: number }>();
    const first = share({ part, size: 1 });
    expect(share({ part, size: 1 })).toBe(first);
    expect(share({ part: {}, size: 1 })).not.toBe(first);
    expect(share({ part, size: 2 })).toEqual({ part, size: 2 });
    for (let size = 3; size < 100; size++) share({ part, size });
    expect(share({ part, size: 1 })).not.toBe(first);
  });
});
