// An accounts file that was read, for as long as an agent runs. Nobody looks at it between a start and a reload, so it
// stays as text, in a third of the room, and is taken apart again by who asks then.

import type { AccountsDocument } from './schema.ts';

/** Gives `document`, or one that is equal when the memory of that was wanted back meanwhile. */
export function keptDocument(document: AccountsDocument): () => AccountsDocument {
  const text = JSON.stringify(document);
  let whole = new WeakRef(document);
  return () => {
    const known = whole.deref();
    if (known !== undefined) return known;
    const again: AccountsDocument = JSON.parse(text);
    whole = new WeakRef(again);
    return again;
  };
}
