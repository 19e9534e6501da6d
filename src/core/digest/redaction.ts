// SIP text as it may be shown: Digest responses, cnonces and a server's rspauth are taken out. The text may be
// hostile or cut off; a header that is not exactly well-formed is hidden as a whole.

/**
 * The value of an Authorization or Proxy-Authorization without what proves the secret: keeps realm, username, uri,
 * algorithm, qop, nc and the beginning of nonce and opaque. Anything but well-formed Digest becomes "…".
 */
export function redactAuthorization(value: string): string {
  const digest = /^\s*Digest\s+/i.exec(value);
  if (digest === null) return HIDDEN;
  const parameters = redactParameters(value.slice(digest[0].length));
  return `Digest ${parameters ?? HIDDEN}`;
}

/**
 * A whole SIP message (or part of one) as it may be shown. Header names count in any case and with folded values;
 * what looks like a proof anywhere else, in a body or a URI, is hidden too.
 */
export function redactMessageText(text: string): string {
  const rows = text.replace(SECRET_ROW, (_row, head: string, name: string, value: string) => {
    const unfolded = value.replace(/[\r\n]+[ \t]*/g, ' ').trim();
    const isInfo = name.toLowerCase().endsWith('info');
    return head + (isInfo ? (redactParameters(unfolded) ?? HIDDEN) : redactAuthorization(unfolded));
  });
  return rows.replace(STRAY_PROOF, `$<name>$<quote>${HIDDEN}$<quote>`);
}

/** Null unless `text` is a well-formed list: only then is it certain where a value ends. */
function redactParameters(text: string): string | null {
  const trimmed = text.trim();
  const shown: string[] = [];
  let position = 0;
  while (position < trimmed.length) {
    PARAMETER.lastIndex = position;
    const match = PARAMETER.exec(trimmed);
    const [whole, name, value] = match ?? [];
    if (whole === undefined || name === undefined || value === undefined) return null;
    shown.push(`${name}=${redactValue(name.toLowerCase(), value)}`);
    position += whole.length;
  }
  return trimmed.endsWith(',') ? null : shown.join(', ');
}

function redactValue(name: string, value: string): string {
  const quotes = value.startsWith('"') ? '"' : '';
  const text = value.slice(quotes.length, value.length - quotes.length);
  if (SHORTENED.has(name) && !text.includes('\\')) {
    if (text.length <= SHORTENED_LENGTH) return value;
    return `${quotes}${text.slice(0, SHORTENED_LENGTH)}${HIDDEN}${quotes}`;
  }
  // Text of a peer that holds what could be a hash or quotes of its own might be an echo of ours.
  if (SHOWN.has(name) && !HASH_LIKE.test(text) && !text.includes('\\')) return value;
  return text === '' ? value : `${quotes}${HIDDEN}${quotes}`;
}

const HIDDEN = '…';
const SHOWN = new Set(['realm', 'username', 'uri', 'algorithm', 'qop', 'nc', 'userhash']);
const SHORTENED = new Set(['nonce', 'nextnonce', 'opaque']);
const SHORTENED_LENGTH = 8;
const HASH_LIKE = /[0-9a-f]{32}/i;
const PARAMETER = /([A-Za-z*-]+)\s*=\s*("(?:[^"\\]|\\[\s\S])*"|[^\s",;=]+)\s*(?:,\s*|$)/y;
/** One of our headers at the start of any line, with all its folded lines. */
const SECRET_ROW =
  /((?:^|[\r\n])[ \t]*((?:Proxy-)?(?:Authorization|Authentication-Info))[ \t]*:[ \t]*)([^\r\n]*(?:[\r\n]+[ \t][^\r\n]*)*)/gi;
/** A proof where no header of ours is: quoted, or a word after quotes that were escaped; in a URI percent-encoded. An
 * empty one proves nothing and stays. The lookahead takes all white space at once and gives none of it back: whatever
 * follows, hostile text costs linear time. */
const STRAY_PROOF =
  /(?<name>(?:response|rspauth|cnonce)\s*(?:=|%3d)(?=(?<space>\s*))\k<space>)(?:(?<quote>")(?:[^"\\]|\\[\s\S])+"?|(?:[ \t\\"\u2026]|[\r\n]+[ \t])*[^\s",;\\]+)/gi;
