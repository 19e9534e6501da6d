// Reads a TypeScript or JavaScript source as far as the architecture test needs it: its imports, its comments, and its
// code without comments and without the contents of strings. A lexer, not a parser: it knows comments, strings,
// template literals with their nested code, and regular expressions.

export type Import = {
  /** The module as it is written. */
  readonly specifier: string;
  readonly kind: 'static' | 're-export' | 'dynamic';
  /** `import type`, `export type … from` or `typeof import(…)`'s kin: gone after compilation. */
  readonly typeOnly: boolean;
  readonly line: number;
};

export type SourceScan = {
  readonly imports: readonly Import[];
  /** Lines of dynamic imports of something that is no string literal. */
  readonly computedImportLines: readonly number[];
  readonly comments: readonly { readonly text: string; readonly line: number }[];
  /** Same length and lines as the source; comments, strings' contents, template text and regular expressions are blanks. */
  readonly code: string;
};

/** Scans one source text. */
export function scanSource(source: string): SourceScan {
  const { code, literals, comments } = separate(source);
  const lineOf = (offset: number): number => source.slice(0, offset).split('\n').length;
  const imports: Import[] = [];
  const computedImportLines: number[] = [];
  for (const { pattern, kind } of IMPORT_FORMS) {
    for (const match of code.matchAll(pattern)) {
      const literal = literals.get(match.index + match[0].length - 1);
      const line = lineOf(match.index);
      if (literal === undefined) computedImportLines.push(line);
      else imports.push({ specifier: literal, kind, typeOnly: isTypeOnly(match[0]), line });
    }
  }
  imports.sort((a, b) => a.line - b.line);
  return {
    imports,
    computedImportLines,
    comments: comments.map(({ text, offset }) => ({ text, line: lineOf(offset) })),
    code,
  };
}

/** Each form ends with the quote that opens the module's name; the last one takes any argument of `import(`. */
const IMPORT_FORMS = [
  { kind: 'static', pattern: /(?<![\w$.])import\s+(?:type\s+)?[\w$*{},\s]*?(?<![\w$])from\s*['"]/g },
  { kind: 'static', pattern: /(?<![\w$.])import\s*['"]/g },
  { kind: 're-export', pattern: /(?<![\w$.])export\s+(?:type\s*)?(?:\*[\w$\s]*?|\{[^}]*\})\s*from\s*['"]/g },
  { kind: 'dynamic', pattern: /(?<![\w$.])(?:import|require)\s*\(\s*[^\s)]/g },
] as const;

function isTypeOnly(statement: string): boolean {
  if (/^(?:import|export)\s+type\b(?!\s*(?:,|from))/.test(statement)) return true;
  const named = /^(?:import|export)\s*\{([^}]*)\}/.exec(statement)?.[1];
  if (named === undefined) return false;
  const names = named.split(',').filter((name) => name.trim() !== '');
  return names.length > 0 && names.every((name) => /^\s*type\s+[\w$]/.test(name));
}

type Separated = {
  readonly code: string;
  /** String literals by the offset of their opening quote. */
  readonly literals: ReadonlyMap<number, string>;
  readonly comments: readonly { readonly text: string; readonly offset: number }[];
};

function separate(source: string): Separated {
  const literals = new Map<number, string>();
  const comments: { text: string; offset: number }[] = [];
  // For each open template literal: how deep in braces its current `${ }` is.
  const templateDepths: number[] = [];
  let code = '';
  let offset = 0;

  const blank = (end: number): void => {
    code += source.slice(offset, end).replace(/[^\n]/g, ' ');
    offset = end;
  };
  const templateText = (): void => {
    const end = endOfTemplateText(source, offset);
    blank(end);
    if (source.startsWith('${', end)) {
      templateDepths.push(0);
      code += '${';
      offset += 2;
    } else {
      code += source.slice(end, end + 1);
      offset += 1;
    }
  };

  while (offset < source.length) {
    const char = source.charAt(offset);
    const pair = source.slice(offset, offset + 2);
    if (pair === '//' || pair === '/*' || (offset === 0 && pair === '#!')) {
      const end = endOfComment(source, offset);
      if (pair !== '#!') comments.push({ text: source.slice(offset, end), offset });
      blank(end);
    } else if (char === "'" || char === '"') {
      const end = endOfQuoted(source, offset);
      literals.set(offset, source.slice(offset + 1, end));
      code += char;
      offset += 1;
      blank(end);
      code += source.charAt(end);
      offset += 1;
    } else if (char === '`') {
      const end = endOfTemplateText(source, offset + 1);
      if (source.charAt(end) === '`') literals.set(offset, source.slice(offset + 1, end));
      code += '`';
      offset += 1;
      templateText();
    } else if (char === '/' && startsRegularExpression(code)) {
      blank(endOfRegularExpression(source, offset));
    } else {
      const depth = templateDepths.at(-1);
      if (depth !== undefined && char === '{') templateDepths[templateDepths.length - 1] = depth + 1;
      if (depth !== undefined && char === '}') {
        if (depth === 0) templateDepths.pop();
        else templateDepths[templateDepths.length - 1] = depth - 1;
      }
      code += char;
      offset += 1;
      if (char === '}' && depth === 0) templateText();
    }
  }
  return { code, literals, comments };
}

function endOfComment(source: string, start: number): number {
  const isBlock = source.startsWith('/*', start);
  const end = isBlock ? source.indexOf('*/', start + 2) + 2 : source.indexOf('\n', start);
  return end < start + 2 ? source.length : end;
}

/** The offset of the closing quote. */
function endOfQuoted(source: string, start: number): number {
  const quote = source.charAt(start);
  let offset = start + 1;
  while (offset < source.length && source.charAt(offset) !== quote && source.charAt(offset) !== '\n') {
    offset += source.charAt(offset) === '\\' ? 2 : 1;
  }
  return offset;
}

/** The offset of the closing backtick or of the next `${`. */
function endOfTemplateText(source: string, start: number): number {
  let offset = start;
  while (offset < source.length && source.charAt(offset) !== '`' && !source.startsWith('${', offset)) {
    offset += source.charAt(offset) === '\\' ? 2 : 1;
  }
  return offset;
}

function endOfRegularExpression(source: string, start: number): number {
  let offset = start + 1;
  let inClass = false;
  while (offset < source.length && (inClass || source.charAt(offset) !== '/')) {
    const char = source.charAt(offset);
    if (char === '[') inClass = true;
    if (char === ']') inClass = false;
    offset += char === '\\' ? 2 : 1;
  }
  while (/[a-z]/.test(source.charAt(offset + 1))) offset += 1;
  return offset + 1;
}

/** A slash divides after a value, and opens a regular expression after anything else. */
function startsRegularExpression(codeBefore: string): boolean {
  const before = codeBefore.trimEnd();
  if (/(?<![\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/.test(before))
    return true;
  return !/[\w$)\]}'"`]$/.test(before);
}
