// Where in the text of an accounts file something stands: syntax errors, duplicate keys, the place of a path. The
// only home of jsonc-parser; load.ts imports it when a file turned out to be wrong, never before.

import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { DocumentPath } from './structure.ts';
import { lineStarts, type Position, positionAt } from './text-position.ts';

type SyntaxProblem = Position & { readonly message: string; readonly hint: string | null };
type DuplicateKey = Position & { readonly path: DocumentPath };

/** A file's text, taken apart once, to ask for positions. */
type SourceMap = {
  /** The first thing that is no JSON; later ones are mostly its consequences. */
  readonly syntaxProblem: SyntaxProblem | null;
  readonly duplicateKeys: readonly DuplicateKey[];
  /** Where the key (or list element) at `path` stands, else its nearest ancestor that exists. */
  readonly positionOf: (path: DocumentPath) => Position;
};

export function sourceMapOf(text: string): SourceMap {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [first] = errors;
  const starts = lineStarts(text);
  const locate = root === undefined ? () => 0 : locatorOf(root);
  return {
    syntaxProblem: first === undefined ? null : syntaxProblem(text, starts, first),
    duplicateKeys: root === undefined ? [] : duplicateKeys(starts, root, []),
    positionOf: (path) => positionAt(starts, locate(path)),
  };
}

/** Finds where a path stands; remembers the members of each object, as a file can have thousands of problems. */
function locatorOf(root: Node): (path: DocumentPath) => number {
  const members = new Map<Node, ReadonlyMap<string | number, Node>>();
  return (path) => {
    let [node, offset] = [root, root.offset];
    for (const step of path) {
      let children = members.get(node);
      if (children === undefined) {
        children = membersOf(node);
        members.set(node, children);
      }
      const child = children.get(step);
      if (child === undefined) break;
      offset = child.offset;
      node = (child.type === 'property' ? child.children?.[1] : child) ?? child;
    }
    return offset;
  };
}

/** The properties of an object by key, or the elements of a list by index. */
function membersOf({ children = [] }: Node): ReadonlyMap<string | number, Node> {
  return new Map(
    children.map((child, at) => [child.type === 'property' ? String(child.children?.[0]?.value) : at, child]),
  );
}

function duplicateKeys(starts: readonly number[], node: Node, path: DocumentPath): DuplicateKey[] {
  const seen = new Set<string>();
  return (node.children ?? []).flatMap((child, at) => {
    if (child.type !== 'property') return duplicateKeys(starts, child, [...path, at]);
    const [keyNode, valueNode] = child.children ?? [];
    const key = String(keyNode?.value);
    const below = valueNode === undefined ? [] : duplicateKeys(starts, valueNode, [...path, key]);
    if (!seen.has(key)) {
      seen.add(key);
      return below;
    }
    return [{ ...positionAt(starts, child.offset), path: [...path, key] }, ...below];
  });
}

function syntaxProblem(
  text: string,
  starts: readonly number[],
  { error, offset }: ParseError,
): SyntaxProblem {
  if (text.trim() === '') return { line: 1, column: 1, message: 'the file is empty', hint: EMPTY_HINT };
  const code = printParseErrorCode(error);
  const position = positionAt(starts, offset);
  const rest = text.slice(offset);
  if (code === 'InvalidCommentToken' || /^(\/\/|\/\*|#)/.test(rest)) {
    return { ...position, message: 'a comment is not allowed in JSON', hint: 'take it out' };
  }
  const comma = /,\s*$/.exec(text.slice(0, offset));
  if (comma !== null && /^[}\]]/.test(rest)) {
    const message = `trailing comma before "${rest.charAt(0)}"`;
    return { ...positionAt(starts, comma.index), message, hint: 'take it out' };
  }
  if (/^'/.test(rest))
    return { ...position, message: 'a text in single quotes', hint: 'JSON has double quotes' };
  return { ...position, message: SYNTAX_MESSAGES[code] ?? code, hint: null };
}

const EMPTY_HINT = 'write {"accounts": {}} into it, or remove it and begin with "sipreg account add NAME"';

const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a word that JSON does not know; texts need double quotes',
  InvalidNumberFormat: 'not a number that JSON knows',
  PropertyNameExpected: 'a key in double quotes is expected here',
  ValueExpected: 'a value is expected here',
  ColonExpected: 'a colon is missing after the key',
  CommaExpected: 'a comma is missing before this',
  CloseBraceExpected: 'a closing brace "}" is missing',
  CloseBracketExpected: 'a closing bracket "]" is missing',
  EndOfFileExpected: 'there is something after the end of the document',
  UnexpectedEndOfComment: 'a comment that does not end, which JSON does not have either',
  UnexpectedEndOfString: 'a text without its closing double quote',
  UnexpectedEndOfNumber: 'a number that is not complete',
  InvalidUnicode: 'a \\u escape needs four hexadecimal digits',
  InvalidEscapeCharacter: 'an escape that JSON does not know; write a backslash as \\\\',
  InvalidCharacter: 'a control character inside a text',
};
