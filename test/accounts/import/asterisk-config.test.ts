import { describe, expect, it } from 'vitest';
import { readAsteriskConfig, settingsIn } from '../../../src/accounts/import/asterisk-config.ts';
import { foreignFile, foreignFiles } from './readers.ts';

/** Sections with their settings, as `name=value`. */
function read(text: string): unknown {
  return readAsteriskConfig(foreignFile(text)).sections.map((section) => [
    section.name,
    [...section.settings].flatMap(([name, all]) => all.map(({ value }) => `${name}=${value}`)),
  ]);
}

const leftOut = (text: string) => readAsteriskConfig(foreignFile(text)).leftOut;

describe('the dialect of Asterisk', () => {
  it.each([
    ['[a]\nKey = b c \nx=>y\n', [['a', ['key=b c', 'x=y']]]],
    ['[a]\r\nx=y\r\n', [['a', ['x=y']]]],
    ['x=y\n', [['', ['x=y']]]],
    ['[a]\nx=1 ; c\n;y=2\nz=\\;3\\;;c\n', [['a', ['x=1', 'z=;3;']]]],
    [
      '[a]\nx=1;-- c ; --;2\n;--\ny=2\n;-- deeper --;\nz=3\n--;u=4\n;------ a line\nv=5',
      [['a', ['x=12', 'u=4', 'v=5']]],
    ],
    [
      '[a](!)\nx=1\n[b](a)\nx=2\n',
      [
        ['a', ['x=1']],
        ['b', ['x=1', 'x=2']],
      ],
    ],
    [
      '[a](!)\nx=1\n[b](!,a)\ny=2\n[c](b)\n',
      [
        ['a', ['x=1']],
        ['b', ['x=1', 'y=2']],
        ['c', ['x=1', 'y=2']],
      ],
    ],
    [
      '[a]\nx=1\n[b]\n[a](+)\ny=2\n',
      [
        ['a', ['x=1', 'y=2']],
        ['b', []],
      ],
    ],
    [
      '[a]\ntype=p\n[a]\ntype=q\n[a](+type=q)\ny=2\n',
      [
        ['a', ['type=p']],
        ['a', ['type=q', 'y=2']],
      ],
    ],
    ['[a]\nx=1\nx+=2\n', [['a', ['x=1', 'x=12']]]],
    ['[a]\nno setting\n=\n\\=x=1\n', [['a', ['=x=1']]]],
  ])('reads %j', (text, sections) => {
    expect(read(text)).toEqual(sections);
  });

  it('says what it cannot follow', () => {
    expect(leftOut('\n[a\nx=1\n')).toEqual([
      { path: 'file', line: 2, what: 'a section', why: 'its name has no closing "]"' },
    ]);
    expect(leftOut('[a](gone)\n')).toEqual([
      { path: 'file', line: 1, what: '[a](gone)', why: 'there is no [gone] before it' },
    ]);
    expect(leftOut('[a]\n#exec /bin/x\n')).toMatchObject([{ line: 2, what: '#exec' }]);
  });

  it('goes on in the section that an include stands in', () => {
    const files = { top: '[general]\n#include sub\nz=3\n', sub: '\nx=1\n[other]\ny=2\n' };
    const { sections } = readAsteriskConfig(foreignFiles('top', files));
    expect(sections.map(({ name, path, line }) => [name, path, line])).toEqual([
      ['general', 'top', 1],
      ['other', 'sub', 3],
    ]);
    const [general, other] = sections;
    expect(general && settingsIn(general, 'x')).toEqual([{ value: '1', path: 'sub', line: 2 }]);
    expect(other && settingsIn(other, 'z')).toEqual([{ value: '3', path: 'top', line: 3 }]);
  });

  it('stays small when templates double', () => {
    const text = Array.from({ length: 60 }, (_, at) => `[t${at + 1}](t${at},t${at})\n`).join('');
    const reading = readAsteriskConfig(foreignFile(`[t0]\nx=1\n${text}`));
    expect(reading.leftOut[0]?.why).toBe('the templates of the file hold too much');
  });
});
