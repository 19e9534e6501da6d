// Text that outlives the message it came in. A JavaScript engine may keep a piece of a text as a reference into the whole:
// a nonce of thirty characters would hold on to its 401 of six hundred, for each of fifty thousand accounts.

/** The same text, as characters of its own. */
export function ownText(text: string): string {
  // Joining two pieces writes both into a new text; a single piece would be given back as it is.
  return [text.slice(0, 1), text.slice(1)].join('');
}
