// The dialect of Asterisk's configuration files (main/config.c): sections, `name = value` and `name => value`, `;` comments and
// `;-- --;` blocks, templates `[x](!)`, `[y](x)`, additions `[x](+)`, `name += more`, and files that are included. Where
// Asterisk would refuse the whole file, only what is wrong is left out. `#exec` is not run.

import type { ForeignFile, LeftOut } from './reading.ts';

export type Setting = {
  readonly value: string;
  readonly path: string;
  readonly line: number;
};

export type Section = {
  readonly name: string;
  readonly path: string;
  readonly line: number;
  /** Only there to be inherited from. */
  readonly isTemplate: boolean;
  /** By name in lower case, as Asterisk does not look at the case; those of one name in order, the inherited ones first. */
  readonly settings: ReadonlyMap<string, readonly Setting[]>;
};

export type AsteriskConfig = {
  /** In order; several may have one name. Settings before the first are in one without a name, as a fragment has them. */
  readonly sections: readonly Section[];
  readonly leftOut: readonly LeftOut[];
};

/** The sections of the file and of those that it includes. */
export function readAsteriskConfig(file: ForeignFile): AsteriskConfig {
  const reading: Reading = { sections: [], byName: new Map(), current: null, leftOut: [], inherited: 0 };
  readFile(file, reading);
  return { sections: reading.sections, leftOut: reading.leftOut };
}

/** The value of that name, of several the last: it counts where there can be one. */
export function settingIn({ settings }: Section, name: string): string | undefined {
  return settings.get(name)?.at(-1)?.value;
}

/** Every setting of that name. */
export function settingsIn({ settings }: Section, name: string): readonly Setting[] {
  return settings.get(name) ?? [];
}

/** As ast_true() has it. */
export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(?:yes|true|y|t|1|on)$/i.test(value);
}

type GrowingSection = Omit<Section, 'isTemplate' | 'settings'> & {
  isTemplate: boolean;
  readonly settings: Map<string, Setting[]>;
};

type Reading = {
  readonly sections: GrowingSection[];
  readonly byName: Map<string, GrowingSection[]>;
  /** Where settings go; an included file goes on in it. */
  current: GrowingSection | null;
  readonly leftOut: LeftOut[];
  /** Settings that were copied from templates. */
  inherited: number;
};

/** More than any real file has: nested templates could double what they hold with each line. */
const MAX_INHERITED = 1_000_000;

/** As many of one name are looked at for an addition. */
const MAX_NAMESAKES = 100;

/** As much as Asterisk takes of a line; it skips longer ones. */
const MAX_LINE = 8191;

function readFile(file: ForeignFile, reading: Reading): void {
  let blocks = 0;
  for (const [at, raw] of file.text.split('\n').entries()) {
    if (raw.length > MAX_LINE) continue;
    const { text, depth } = withoutComments(raw, blocks);
    blocks = depth;
    readLine(text.trim(), { file, line: at + 1 }, reading);
  }
}

type Place = { readonly file: ForeignFile; readonly line: number };

function readLine(text: string, place: Place, reading: Reading): void {
  if (text === '') return;
  if (text.startsWith('[')) openSection(text, place, reading);
  else if (text.startsWith('#')) followDirective(text, place, reading);
  else addSetting(text, place, reading);
}

/** `[name]`, `[name](!)`, `[name](+)`, `[name](template,other)`. */
function openSection(text: string, place: Place, reading: Reading): void {
  const [, name, options = ''] = /^\[([^\]]*)\](?:\(([^)]*)\))?/.exec(text) ?? [];
  // What follows belongs to a section that nobody can name.
  if (name === undefined) {
    leaveOut('a section', 'its name has no closing "]"', place, reading);
    reading.current = newSection('', place);
    return;
  }
  const words = options.split(',').map((word) => word.trim());
  const addition = words.find((word) => word.startsWith('+'));
  const existing = addition === undefined ? undefined : sectionToAddTo(name, addition.slice(1), reading);
  const section = existing ?? keepSection(newSection(name, place), reading);
  if (words.includes('!')) section.isTemplate = true;
  for (const word of words) {
    if (word !== '' && word !== '!' && word !== addition) inherit(section, word, place, reading);
  }
  reading.current = section;
}

/** The first of that name, or with `[name](+type=auth)` the first that has that setting. */
function sectionToAddTo(name: string, filter: string, { byName }: Reading): GrowingSection | undefined {
  const [wanted = '', value] = filter.split('=');
  const namesakes = byName.get(name)?.slice(0, MAX_NAMESAKES) ?? [];
  return namesakes.find((section) => wanted === '' || settingIn(section, wanted.toLowerCase()) === value);
}

function inherit(section: GrowingSection, template: string, place: Place, reading: Reading): void {
  const [base] = reading.byName.get(template) ?? [];
  const what = `[${section.name}](${template})`;
  if (base === undefined) {
    leaveOut(what, `there is no [${template}] before it`, place, reading);
    return;
  }
  for (const [name, inherited] of base === section ? [] : base.settings) {
    reading.inherited += inherited.length;
    if (reading.inherited > MAX_INHERITED) {
      leaveOut(what, 'the templates of the file hold too much', place, reading);
      return;
    }
    for (const setting of inherited) addTo(section, name, setting);
  }
}

/** `#include "file"`, `#tryinclude <file>`. */
function followDirective(text: string, place: Place, reading: Reading): void {
  const [, directive = '', argument = ''] = /^#(\S*)\s*(.*)$/.exec(text) ?? [];
  const word = directive.toLowerCase();
  if (word === 'exec') {
    leaveOut('#exec', 'sipreg runs no program for it: import what that prints', place, reading);
  }
  if ((word !== 'include' && word !== 'tryinclude') || argument === '') return;
  const path = argument.replace(/^"(.*)"$|^<(.*)>$/, '$1$2');
  const optional = word === 'tryinclude';
  for (const file of place.file.include({ path, line: place.line, optional })) readFile(file, reading);
}

function addSetting(text: string, place: Place, reading: Reading): void {
  // A backslash makes the next character part of the name, whatever it is.
  const from = text.startsWith('\\') ? 1 : 0;
  const equals = text.indexOf('=', from * 2);
  if (equals === -1) return;
  const isMore = equals > from && text[equals - 1] === '+';
  const name = text
    .slice(from, isMore ? equals - 1 : equals)
    .trim()
    .toLowerCase();
  if (name === '') return;
  const value = text
    .slice(equals + 1)
    .replace(/^>/, '')
    .trim();
  reading.current ??= keepSection(newSection('', place), reading);
  const before = isMore ? reading.current.settings.get(name)?.at(-1)?.value : undefined;
  const setting = { value: (before ?? '') + value, path: place.file.path, line: place.line };
  addTo(reading.current, name, setting);
}

function addTo({ settings }: GrowingSection, name: string, setting: Setting): void {
  const known = settings.get(name);
  if (known === undefined) settings.set(name, [setting]);
  else known.push(setting);
}

function newSection(name: string, { file, line }: Place): GrowingSection {
  return { name, path: file.path, line, isTemplate: false, settings: new Map() };
}

function keepSection(section: GrowingSection, reading: Reading): GrowingSection {
  reading.sections.push(section);
  const namesakes = reading.byName.get(section.name);
  if (namesakes === undefined) reading.byName.set(section.name, [section]);
  else namesakes.push(section);
  return section;
}

function leaveOut(what: string, why: string, { file, line }: Place, { leftOut }: Reading): void {
  leftOut.push({ path: file.path, line, what, why });
}

/**
 * The line without its comments. `;` ends it, `\;` is a semicolon, `;--` opens a block that `--;` closes, also lines later and
 * in one another; `depth` is how many are open.
 */
function withoutComments(raw: string, depth: number): { readonly text: string; readonly depth: number } {
  const kept: string[] = [];
  let open = depth;
  let from = 0;
  for (let at = raw.indexOf(';'); at !== -1; at = raw.indexOf(';', from)) {
    const before = raw.slice(from, at);
    if (before.endsWith('\\')) {
      if (open === 0) kept.push(before.slice(0, -1), ';');
      from = at + 1;
    } else if (/^;--(?!-)/.test(raw.slice(at, at + 4))) {
      if (open === 0) kept.push(before);
      open += 1;
      from = at + 3;
    } else if (open === 0) {
      return { text: kept.join('') + before, depth: 0 };
    } else {
      if (before.endsWith('--')) open -= 1;
      from = at + 1;
    }
  }
  if (open === 0) kept.push(raw.slice(from));
  return { text: kept.join(''), depth: open };
}
