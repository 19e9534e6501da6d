import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  MAX_FOREIGN_BYTES,
  type OpenedFile,
  openForeignFile,
  openForeignStream,
} from '../../../src/accounts/import/foreign-files.ts';
import { scratchDirectory } from '../scratch.ts';

/** A folder with these files; returns its path. */
function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = scratchDirectory();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

async function open(path: string): Promise<OpenedFile> {
  const opened = await openForeignFile(path);
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

const textsOf = ({ file }: OpenedFile, path: string) =>
  file.include({ path, line: 3, optional: false }).map(({ text }) => text);

describe('files of other programs', () => {
  it('include others beside them, also by a pattern', async () => {
    const folder = folderOf({
      'top.conf': '',
      'd/b.conf': 'B',
      'd/a.conf': 'A',
      'd/.c.conf': 'C',
      'd/x.txt': 'X',
    });
    const top = await open(join(folder, 'top.conf'));
    expect(textsOf(top, 'd/a.conf')).toEqual(['A']);
    expect(textsOf(top, 'd/*.conf')).toEqual(['A', 'B']);
    expect(textsOf(top, '*/[a.conf')).toEqual([]);
    expect(textsOf(top, `${folder}/d/?.txt`)).toEqual(['X']);
    expect(top.missing()).toEqual([]);
  });

  it('are found by a pattern of many stars', async () => {
    const folder = folderOf({ 'top.conf': '', [`d/${'a'.repeat(40)}.conf`]: 'A', 'd/abc': 'B' });
    const top = await open(join(folder, 'top.conf'));
    expect(textsOf(top, `d/${'*?'.repeat(20)}z`)).toEqual([]);
    expect(textsOf(top, `d/${'*a'.repeat(20)}*.conf*`)).toEqual(['A']);
    expect(textsOf(top, 'd/a*bc')).toEqual(['B']);
    expect(textsOf(top, 'd/a?c?')).toEqual([]);
  });

  it('of included ones those beside the first are found too', async () => {
    const folder = folderOf({ 'top.conf': '', 'd/a.conf': 'A', 'd/b.conf': 'B', 'c.conf': 'C' });
    const [a] = (await open(join(folder, 'top.conf'))).file.include({
      path: 'd/a.conf',
      line: 1,
      optional: false,
    });
    expect(a?.include({ path: 'b.conf', line: 1, optional: false })).toMatchObject([{ text: 'B' }]);
    expect(a?.include({ path: 'c.conf', line: 1, optional: false })).toMatchObject([{ text: 'C' }]);
  });

  it('say which cannot be read, once', async () => {
    const folder = folderOf({ 'top.conf': '', 'd/a': '', bin: Buffer.from([65, 0, 66]) });
    const top = await open(join(folder, 'top.conf'));
    for (const path of ['gone', 'gone', 'd', 'bin', 'none/*.conf']) expect(textsOf(top, path)).toEqual([]);
    top.file.include({ path: 'may', line: 4, optional: true });
    expect(top.missing()).toEqual([
      { path: join(folder, 'top.conf'), line: 3, what: 'include gone', why: 'there is no such file' },
      { path: join(folder, 'top.conf'), line: 3, what: 'include d', why: 'it is no regular file' },
      expect.objectContaining({ what: 'include bin', why: expect.stringContaining('no text') }),
    ]);
  });

  it('that include themselves end', async () => {
    const folder = folderOf({ 'top.conf': '' });
    const top = await open(join(folder, 'top.conf'));
    let depth = 0;
    for (let files = [top.file]; files.length > 0; depth++) {
      files = files.flatMap((file) => file.include({ path: 'top.conf', line: 1, optional: false }).slice(0));
    }
    expect(depth).toBe(11);
    expect(top.missing()).toMatchObject([{ why: 'files include one another deeper than 10 levels' }]);
  });

  it('that include too much are told once', async () => {
    const folder = folderOf({ 'top.conf': '', part: Buffer.alloc(MAX_FOREIGN_BYTES / 4, 'x') });
    const top = await open(join(folder, 'top.conf'));
    const texts = Array.from({ length: 9 }, (_, at) =>
      top.file.include({ path: 'part', line: at + 1, optional: false }),
    );
    expect(texts.flat()).toHaveLength(3);
    expect(top.missing()).toMatchObject([{ line: 4, why: expect.stringMatching(/^too much is included/) }]);
  });

  it('may be in Latin-1', async () => {
    const folder = folderOf({ 'a.conf': Buffer.from('; B\xfcro', 'latin1') });
    const top = await open(join(folder, 'a.conf'));
    expect(top.file.text).toBe('; Büro');
    expect(textsOf(top, 'a.conf')).toEqual(['; Büro']);
  });

  it.each([
    ['gone.conf', /gone.conf is not there$/],
    ['.', /is a directory: name the files in it$/],
    ['bin', /bin is no text/],
    ['big', /big is larger than 32 MiB/],
  ])('%s is no such file', async (name, problem) => {
    const folder = folderOf({ bin: Buffer.from([65, 0, 66]), big: Buffer.alloc(MAX_FOREIGN_BYTES + 1, 'x') });
    const opened = await openForeignFile(join(folder, name));
    expect(opened.ok === false && opened.error).toMatch(problem);
  });

  it('come from stdin, too', async () => {
    const opened = await openForeignStream(Readable.from([Buffer.from('[a]'), Buffer.from('\n')]));
    expect(opened.ok && opened.value.file).toMatchObject({ path: '-', text: '[a]\n' });
  });
});
