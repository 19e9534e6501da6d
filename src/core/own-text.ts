// Text that outlives the message it came in. A JavaScript engine may keep a piece of a text as a reference into the whole:
// a nonce of thirty characters would hold on to its 401 of six hundred, for each of fifty thousand accounts.

/** The same text, as characters of its own. */
export function ownText(text: string): string {
  // Joining two pieces writes both into a new text; a single piece would be given back as it is.
  return [text.slice(0, 1), text.slice(1)].join('');
}

/**
 * Like ownText, for texts that thousands of accounts have in common: the realm of their registrar, a digest algorithm.
 * Equal ones of late are one text in memory.
 */
export function sharedText(text: string): string {
  const known = recent.get(text);
  if (known !== undefined) return known;
  if (recent.size === MAX_RECENT) recent.clear();
  const own = ownText(text);
  recent.set(own, own);
  return own;
}

/** More registrars than one process has, as a rule; whoever has more of them shares a little less. */
const MAX_RECENT = 64;
const recent = new Map<string, string>();
