// A look into an accounts file by commands that want one thing of it: who asks the agent need not be able to read it, and a
// mistake elsewhere in it does not matter. Whether the file is right is load.ts's to say.

import { readBounded } from '../runtime/bounded-file.ts';

/** Larger than ten thousand accounts need. */
export const MAX_ACCOUNTS_FILE_BYTES = 32 * 1024 * 1024;

/** The text of the file, as load.ts sees it; null: it cannot be had a second time (a pipe), or not at all. */
export function textAtGlance(path: string): string | null {
  try {
    const found = readBounded(path, MAX_ACCOUNTS_FILE_BYTES);
    return found.type === 'text' ? found.text.replace(BYTE_ORDER_MARK, '') : null;
  } catch {
    return null;
  }
}

/** What Windows' editors put in front of UTF-8; TextDecoder takes it away by itself. */
const BYTE_ORDER_MARK = /^\uFEFF/;
