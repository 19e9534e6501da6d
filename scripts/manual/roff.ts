// Manual pages in man(7): a page is sections of paragraphs, lists and examples, and this writes them so that groff and mandoc
// find nothing to complain about. In texts, `backticks` are bold and *stars* are italic.

export type Block =
  | string
  /** Terms and what is said of each. */
  | { readonly list: readonly ListItem[] }
  /** Lines as they stand. */
  | { readonly code: readonly string[] }
  | { readonly heading: string };

export type ListItem = { readonly term: string; readonly blocks: readonly Block[] };

export type Section = { readonly title: string; readonly blocks: readonly Block[] };

export type Page = {
  readonly name: string;
  /** What it is, in the words that apropos(1) lists. */
  readonly summary: string;
  readonly section: 1 | 5 | 8;
  readonly edition: Edition;
  readonly sections: readonly Section[];
};

/** `source`: "sipreg 1.0.0"; `revised`: "2026-11-21". */
export type Edition = { readonly source: string; readonly revised: string };

const SOURCE_WIDTH = 78;

/** The page as man(7) source. */
export function manPage({ name, summary, section, edition, sections }: Page): string {
  const lines = [
    `.\\" Made by "node scripts/manual.mjs" from the program itself: change it there.`,
    `.TH ${macroArgument(name.toUpperCase())} ${section} "${edition.revised}" ${macroArgument(edition.source)}`,
    // Neither hyphens nor stretched lines: commands and codes stay whole.
    '.nh',
    '.ad l',
    '.SH "NAME"',
    `${name} \\- ${summary}`,
    ...sections.flatMap(({ title, blocks }) => [`.SH ${macroArgument(title)}`, ...body(blocks)]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The first paragraph of a section or a list item needs no macro. */
function body(blocks: readonly Block[]): readonly string[] {
  return blocks.flatMap((block, index) => {
    if (typeof block === 'string') {
      const afterHeading =
        index > 0 && typeof blocks[index - 1] === 'object' && 'heading' in (blocks[index - 1] as object);
      return [...(index === 0 || afterHeading ? [] : ['.PP']), ...textLines(block)];
    }
    if ('heading' in block) return [`.SS ${macroArgument(block.heading)}`];
    if ('code' in block) return codeLines(block.code, index === 0);
    return block.list.flatMap(itemLines);
  });
}

function itemLines({ term, blocks }: ListItem): readonly string[] {
  const [first, ...rest] = blocks;
  const head = typeof first === 'string' ? textLines(first) : [];
  const others = typeof first === 'string' ? rest : blocks;
  // What else belongs to the item is set in as far as its text.
  const nested =
    others.length === 0 ? [] : ['.RS', ...body(['', ...others]).filter((line) => line !== ''), '.RE'];
  return ['.TP', inline(term), ...head, ...nested];
}

function codeLines(lines: readonly string[], isFirst: boolean): readonly string[] {
  return [
    ...(isFirst ? [] : ['.PP']),
    '.RS 4',
    '.nf',
    ...lines.map((line) => guarded(escaped(line, true))),
    '.fi',
    '.RE',
  ];
}

function textLines(text: string): readonly string[] {
  return wrapped(inline(text)).map(guarded);
}

/** Source lines of a bearable length; a line break in the source is a space on the page. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= SOURCE_WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

function inline(text: string): string {
  return text
    .split(/(`[^`]+`|(?<![\w*])\*[^*\s][^*]*\*)/)
    .map((part) => {
      if (part.startsWith('`') && part.length > 1) return `\\fB${escaped(part.slice(1, -1), true)}\\fR`;
      if (/^\*[^*]+\*$/.test(part)) return `\\fI${escaped(part.slice(1, -1), true)}\\fR`;
      return escaped(part, false);
    })
    .join('');
}

/** `isCode`: what somebody may copy keeps its plain hyphens and quotes. */
function escaped(text: string, isCode: boolean): string {
  const plain = text
    .replaceAll('\\', '\\e')
    .replaceAll('…', '...')
    .replaceAll('–', '\\(en')
    .replaceAll('⅓', '1/3');
  return isCode
    ? plain
        .replaceAll('-', '\\-')
        .replaceAll("'", '\\(aq')
        .replaceAll('`', '\\(ga')
        .replaceAll('~', '\\(ti')
        .replaceAll('^', '\\(ha')
    : plain;
}

/** A dot or an apostrophe at the begin would be a macro. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function macroArgument(text: string): string {
  return `"${text.replaceAll('"', '\\(dq')}"`;
}
