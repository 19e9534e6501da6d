// Lines from a stream of text, each bounded: what both ends of the control socket read with.

export type LineReader = {
  readonly push: (text: string) => void;
  /** The next whole line without its end; null: none yet. */
  readonly next: () => string | null;
  /** Whether part of a line is here. */
  readonly hasRest: () => boolean;
  /** Whether more is held than one line may have: whoever sent it is not to be read any further. */
  readonly isOver: () => boolean;
};

/** Lines of at most `limit` characters together, as long as they are not taken. */
export function createLineReader(limit: number): LineReader {
  const whole: string[] = [];
  let rest = '';
  let held = 0;
  return {
    push(text) {
      let from = 0;
      // Only what is new is searched: a client that sends its line letter by letter costs no more than another.
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        whole.push(rest + text.slice(from, end));
        rest = '';
        from = end + 1;
      }
      rest += text.slice(from);
      held += text.length;
    },
    next() {
      const line = whole.shift();
      if (line === undefined) return null;
      held -= line.length + 1;
      return line.endsWith('\r') ? line.slice(0, -1) : line;
    },
    hasRest: () => rest !== '',
    isOver: () => held > limit,
  };
}
