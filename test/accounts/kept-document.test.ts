import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { keptDocument } from '../../src/accounts/kept-document.ts';
import type { AccountsDocument } from '../../src/accounts/schema.ts';

const TEXT = '{"accounts":{"office":{"aor":"sip:1008@pbx.example.com","password":{"env":"P"},"expires":60}}}';

describe('a document that is kept', () => {
  it('is the one that was read for as long as somebody has it', () => {
    const document: AccountsDocument = JSON.parse(TEXT);
    const kept = keptDocument(document);
    expect(kept()).toBe(document);
    expect(kept()).toBe(document);
  });

  it('leaves the memory when nobody has it, and is the same again for who asks then', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const marked = ((): { readonly kept: () => AccountsDocument; readonly mark: WeakRef<object> } => {
      const document: AccountsDocument = JSON.parse(TEXT);
      return { kept: keptDocument(document), mark: new WeakRef(document) };
    })();
    // What a WeakRef was asked for stays until the turn is over.
    await sleep(1);
    collect();
    expect(marked.mark.deref()).toBeUndefined();
    expect(marked.kept()).toEqual(JSON.parse(TEXT));
    expect(marked.kept()).toBe(marked.kept());
  });
});
