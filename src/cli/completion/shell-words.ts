// The words of a command line as bash has it, up to the cursor. bash's own list of words is cut at "=", ":" and "@" too,
// which an option with a value and an account's name may hold.

/** The words of `line`, quotes and backslashes taken away; the last is the one at the cursor, and may be empty. */
export function shellWords(line: string): readonly string[] {
  const words: string[] = [];
  let word = '';
  let isOpen = false;
  let quote: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? '';
    if (char === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word += line[at];
      isOpen = true;
    } else if (quote !== null) {
      if (char === quote) quote = null;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      isOpen = true;
    } else if (/\s/.test(char)) {
      if (isOpen) words.push(word);
      word = '';
      isOpen = false;
    } else {
      word += char;
      isOpen = true;
    }
  }
  return [...words, word];
}
