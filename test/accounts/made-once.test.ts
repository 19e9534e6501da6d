import { describe, expect, it } from 'vitest';
import { oncePerObject, oncePerText } from '../../src/accounts/made-once.ts';

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
});
