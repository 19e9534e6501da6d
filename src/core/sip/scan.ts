// The small words of the SIP grammar (RFC 3261 §25.1): tokens, white space and quoted strings. Positions are
// offsets into a header value that is already unfolded, so that white space is SP and HTAB only.

/** In what the two cases of an ASCII letter differ. */
export const CASE_BIT = 0x20;
const SPACE = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const TOKEN = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9\-.!%*_+`'~]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** Whether `text` is a token: a method, a header name, a parameter name. */
export function isToken(text: string): boolean {
  return text.length > 0 && endOfToken(text, 0) === text.length;
}

/** The offset after the token that starts at `at`; `at` itself when there is none. */
export function endOfToken(text: string, at: number): number {
  let end = at;
  while (end < text.length && TOKEN[text.charCodeAt(end)] === 1) end++;
  return end;
}

/** The offset of the first character from `at` on that is no white space. */
export function skipSpace(text: string, at: number): number {
  let next = at;
  for (; next < text.length; next++) {
    const code = text.charCodeAt(next);
    if (code !== SPACE && code !== TAB) break;
  }
  return next;
}

/** The offset after the quoted string that opens at `at`; -1 when it never closes. */
export function endOfQuoted(text: string, at: number): number {
  for (let close = text.indexOf('"', at + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    // An odd number of backslashes before it makes the quote a quoted-pair.
    let before = close;
    while (before > at + 1 && text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((close - before) % 2 === 0) return close + 1;
  }
  return -1;
}

/** What a quoted string says: without its quotes, each quoted-pair decoded once. Other text comes back as it is. */
export function unquote(text: string): string {
  if (text.charCodeAt(0) !== QUOTE || endOfQuoted(text, 0) !== text.length) return text;
  return unescaped(text.slice(1, -1));
}

/** What stands between the quotes of a quoted string, each quoted-pair decoded once. */
export function unescaped(inside: string): string {
  return inside.includes('\\') ? inside.replace(/\\(.)/gs, '$1') : inside;
}

/** `text` as a quoted string. A line break has no form in one (RFC 3261 §25.1) and becomes a space. */
export function quote(text: string): string {
  return `"${escaped(text)}"`;
}

/** What stands between the quotes of `text` as a quoted string. */
export function escaped(text: string): string {
  if (!/[\r\n"\\\0]/.test(text)) return text;
  return text.replace(/[\r\n]+/g, ' ').replace(/["\\\0]/g, '\\$&');
}
