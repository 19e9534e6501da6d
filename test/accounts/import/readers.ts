// What holds for every reader of another program's configuration, whatever stands in the file.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { recognised } from '../../../src/accounts/import/formats.ts';
import type { ForeignFile, ImportFormat, ImportReading } from '../../../src/accounts/import/reading.ts';
import { problemsOf } from '../scratch.ts';

/** A file without others beside it. */
export function foreignFile(text: string): ForeignFile {
  return { path: 'file', text, include: () => [] };
}

/** A file and others that it may name. */
export function foreignFiles(path: string, texts: Readonly<Record<string, string>>): ForeignFile {
  return {
    path,
    text: texts[path] ?? '',
    include: ({ path: named }) => (texts[named] === undefined ? [] : [foreignFiles(named, texts)]),
  };
}

/** What texts of this kind are made of. */
type Makings = {
  readonly pieces: readonly string[];
  readonly entry: (index: number, secret: string) => string;
  /** What stands before and after all entries. */
  readonly around?: readonly [string, string];
};

/** What is not linear takes minutes; a busy machine may take its time. */
export const PATIENCE_MS = 60_000;
const SECRET = 'Tr0ub4dor';

export function itIsAReader(format: ImportFormat, sample: string, { pieces, entry, around }: Makings): void {
  const [head, tail] = around ?? ['', ''];

  it('knows its own files', () => {
    expect(recognised(foreignFile(sample)).map(({ id }) => id)).toEqual([format.id]);
    expect(format.recognises(foreignFile(''))).toBe(false);
    expect(format.recognises(foreignFile('{"accounts": {"office": {"aor": "sip:a@b"}}}'))).toBe(false);
  });

  it('finds accounts that the accounts file takes as they are', async () => {
    expect(await problemsOf(accountsFileOf(format.read(foreignFile(sample))))).toEqual([]);
  });

  it(
    'takes any text',
    async () => {
      const texts = fc.oneof(
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
        fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => sample + parts.join('')),
        fc.nat(sample.length).map((length) => sample.slice(0, length)),
        fc.tuple(fc.nat(sample.length), fc.constantFrom(...pieces)).map(([at, piece]) => {
          return sample.slice(0, at) + piece + sample.slice(at + 1);
        }),
        fc.string({ unit: 'binary', maxLength: 200 }),
      );
      await fc.assert(
        fc.asyncProperty(texts, async (text) => {
          format.recognises(foreignFile(text));
          const reading = format.read(foreignFile(text));
          const lines = text.split(/\r\n|\r|\n/).length;
          for (const { line } of [...reading.accounts, ...reading.leftOut]) {
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(lines);
          }
          const problems = await problemsOf(accountsFileOf(reading));
          // Two of a file may be one account: the importer tells.
          expect(problems.filter((problem) => !problem.includes('is also that of account'))).toEqual([]);
        }),
        { numRuns: 150 },
      );
    },
    PATIENCE_MS,
  );

  it('tells no secret', () => {
    const cut = fc.tuple(fc.nat(400), fc.constantFrom('', ...pieces));
    fc.assert(
      fc.property(cut, ([at, piece]) => {
        const whole = head + entry(1, SECRET) + tail;
        expect(toldIn(format.read(foreignFile(whole)))).not.toContain(SECRET);
        const broken = whole.slice(0, at) + piece + whole.slice(at + 1);
        expect(toldIn(format.read(foreignFile(broken)))).not.toContain(SECRET.slice(2, 7));
      }),
    );
  });

  it(
    'reads ten thousand entries',
    () => {
      const entries = Array.from({ length: 10_000 }, (_, index) => entry(index, SECRET)).join('');
      const { accounts } = format.read(foreignFile(head + entries + tail));
      expect(accounts).toHaveLength(10_000);
      expect(accounts.every((account) => account.entry.password === SECRET)).toBe(true);
    },
    PATIENCE_MS,
  );

  it(
    'does not choke on a megabyte of one piece',
    () => {
      for (const piece of pieces)
        format.read(foreignFile(head + piece.repeat(Math.ceil(1_048_576 / piece.length))));
    },
    PATIENCE_MS,
  );
}

/** As long as a file may be. */
const HUGE = 32_000_000;

export function itBearsHugeTexts(
  format: ImportFormat,
  texts: Readonly<Record<string, (huge: string) => string>>,
): void {
  it.each(Object.entries(texts))(
    'bears %s as long as a file',
    (_, textOf) => {
      for (const filling of ['x', '\\a']) {
        const text = textOf(filling.repeat(HUGE / filling.length));
        expect(recognised(foreignFile(text))).toEqual([format]);
        expect(format.read(foreignFile(text)).accounts).toEqual([]);
      }
    },
    PATIENCE_MS,
  );
}

function accountsFileOf({ accounts }: ImportReading): string {
  return JSON.stringify({
    accounts: Object.fromEntries(accounts.map(({ entry }, index) => [`account${index}`, entry])),
  });
}

/** Everything that is printed of a reading. */
function toldIn({ accounts, leftOut }: ImportReading): string {
  return JSON.stringify([leftOut, accounts.map(({ name, notes }) => [name, notes])]);
}
