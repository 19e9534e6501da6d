// The tags of XML as FreeSWITCH has it: files without one root, tags that nobody closes, whole gateways in comments. No
// DTD is read and no entity resolved but the five of XML and characters by number, so that no file leads to another.

export type XmlTag = {
  readonly type: 'open' | 'close';
  /** As written; FreeSWITCH's are in lower case, but for X-PRE-PROCESS. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** `<a/>` */
  readonly isEmpty: boolean;
  /** Its offset in the text. */
  readonly at: number;
};

/** What begins with a "<" and does not end as it should. */
export type BrokenTag = { readonly type: 'broken'; readonly at: number; readonly why: string };

/** The tags in their order; text between them, comments, CDATA and declarations are passed over. */
export function xmlTags(text: string): readonly (XmlTag | BrokenTag)[] {
  const tags: (XmlTag | BrokenTag)[] = [];
  for (let at = text.indexOf('<'); at !== -1; ) {
    const passed = endOfPassedOver(text, at);
    const end = passed ?? endOfTag(text, at);
    if (typeof end !== 'number') tags.push({ type: 'broken', at, why: end.why });
    const tag = passed === null && typeof end === 'number' ? tagIn(text.slice(at, end), at) : null;
    if (tag !== null) tags.push(tag);
    at = text.indexOf('<', typeof end === 'number' ? end : end.goesOnAt);
  }
  return tags;
}

type Broken = { readonly why: string; readonly goesOnAt: number };

/** After what is no tag but begins at `at`; null for a tag. */
function endOfPassedOver(text: string, at: number): number | Broken | null {
  const kind = PASSED_OVER.find(([open]) => text.startsWith(open, at));
  if (kind === undefined) return null;
  const [open, close] = kind;
  const end = text.indexOf(close, at + open.length);
  return end === -1 ? endless(text, `there is no "${close}" for its "${open}"`) : end + close.length;
}

const PASSED_OVER = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<!', '>'],
  ['<?', '?>'],
] as const;

function endless(text: string, what: string): Broken {
  return { why: `${what}: what follows is not read`, goesOnAt: text.length };
}

/** After the ">" that is in no quotes, or where the next tag begins before one. */
function endOfTag(text: string, start: number): number | Broken {
  for (let at = start + 1; ; ) {
    TAG_MARK.lastIndex = at;
    const mark = TAG_MARK.exec(text);
    if (mark === null) return endless(text, 'there is no ">" for its "<"');
    if (mark[0] === '>') return mark.index + 1;
    if (mark[0] === '<') return mark.index;
    const close = text.indexOf(mark[0], mark.index + 1);
    const inside = text.slice(mark.index, close === -1 ? text.length : close);
    const line = inside.indexOf('\n');
    // A value may have a "<", but not lines with tags.
    if (close === -1 || (line !== -1 && inside.includes('<', line))) {
      const next = inside.indexOf('<');
      return { why: 'a quote in it is not closed', goesOnAt: next === -1 ? text.length : mark.index + next };
    }
    at = close + 1;
  }
}

const TAG_MARK = /[<>"']/g;

function tagIn(text: string, at: number): XmlTag | null {
  const name = /^<\/?([A-Za-z_][\w.:-]*)/.exec(text)?.[1];
  if (name === undefined) return null;
  const attributes = new Map<string, string>();
  for (const [, key = '', double, single] of text.matchAll(ATTRIBUTE)) {
    if (!attributes.has(key)) attributes.set(key, withoutEntities(double ?? single ?? ''));
  }
  const type = text.startsWith('</') ? 'close' : 'open';
  return { type, name, attributes, isEmpty: text.endsWith('/>'), at };
}

const ATTRIBUTE = /\s([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,4}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES.get(name) ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);
