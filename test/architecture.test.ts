// The authority for the house rules: layers, package homes, what the core may not touch, sizes and names
// (test/architecture/rules.ts). The checker itself is tested on bad samples first.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  bannedNames,
  fileViolations,
  importCycles,
  importFormViolations,
  LAYERS,
  layerViolations,
  nameViolations,
  PACKAGE_HOMES,
  packageViolations,
  type SourceFile,
} from './architecture/rules.ts';
import { scanSource } from './architecture/source-scan.ts';

const projectRoot = join(import.meta.dirname, '..');

describe('the project', () => {
  const files = ['src', 'test', 'scripts', 'bin'].flatMap(sourcesUnder);
  const paths = new Set(files.map(({ path }) => path));
  const inSource = files.filter(({ path }) => path.startsWith('src/'));

  it('keeps its layers', () => {
    expect(inSource.length).toBeGreaterThan(10);
    expect(inSource.flatMap(layerViolations)).toEqual([]);
  });

  it('imports each npm package in its home only', () => {
    expect(files.flatMap(packageViolations)).toEqual([]);
  });

  it('imports files that exist, by their whole name', () => {
    expect(files.flatMap((file) => importFormViolations(file, paths))).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(importCycles(files)).toEqual([]);
  });

  it('names no clock, timer, process or locale where it may not', () => {
    expect(inSource.flatMap(bannedNames)).toEqual([]);
  });

  it('has files of one subject: short, with a head comment, finished', () => {
    expect(files.flatMap(fileViolations)).toEqual([]);
  });

  it('has names that say something', () => {
    expect(files.flatMap(({ path }) => nameViolations(path))).toEqual([]);
  });

  it('gives every runtime dependency a home, and no home to anything else', () => {
    const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
    expect(Object.keys(PACKAGE_HOMES).sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });

  it('stands alone: no file names a path outside of the project', () => {
    const outside = new RegExp(['/work/', '(?:shared|main|\\.library)'].join(''));
    expect(files.filter(({ text }) => outside.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

describe('the scanner', () => {
  const importsOf = (text: string) => scanSource(text).imports.map(({ specifier }) => specifier);

  it.each([
    ["import { a } from './a.ts';", 'static', false],
    ["import\n  a,\n{ b as c }\nfrom\n  './a.ts';", 'static', false],
    ["import './a.ts';", 'static', false],
    ["import * as a from './a.ts';", 'static', false],
    ["import type { A } from './a.ts';", 'static', true],
    ["import { type A, type B } from './a.ts';", 'static', true],
    ["import { type A, b } from './a.ts';", 'static', false],
    ["export { a } from './a.ts';", 're-export', false],
    ["export * from './a.ts';", 're-export', false],
    ["export * as a from './a.ts';", 're-export', false],
    ["export type { A } from './a.ts';", 're-export', true],
    ["const a = await import('./a.ts');", 'dynamic', false],
    ['const a = await import(`./a.ts`);', 'dynamic', false],
    ["type A = import('./a.ts').A;", 'dynamic', false],
    ["const a = require('./a.ts');", 'dynamic', false],
    ["const text = `x ${await import('./a.ts')} y`;", 'dynamic', false],
  ])('finds %j', (text, kind, typeOnly) => {
    expect(scanSource(text).imports).toMatchObject([{ specifier: './a.ts', kind, typeOnly }]);
  });

  it.each([
    "// import a from './a.ts';",
    "/* import a from './a.ts';\n*/",
    'const text = "import a from \'./a.ts\'";',
    "const text = `import a from './a.ts'; ${1} import('./b.ts')`;",
    "const pattern = /import('.\\/a.ts')['\"]/g;",
    "object.import('./a.ts');",
    "const from = 'x'; export const a = 1;",
    "export type A = { readonly from: 'a' };",
    "importSomething('./a.ts');",
  ])('finds nothing in %j', (text) => {
    expect(importsOf(text)).toEqual([]);
  });

  it('finds its way back after strings, regular expressions and nested templates', () => {
    const text = [
      'const a = b / c; const d = /["\'`]/.test(e) ? `${f ? `}${g}` : "`"}` : h / 2;',
      "import { x } from './x.ts'; // import y from './y.ts'",
      "const quote = '\\''; import './z.ts';",
    ].join('\n');
    expect(importsOf(text)).toEqual(['./x.ts', './z.ts']);
  });

  it('knows the line of an import, and an import that it cannot follow', () => {
    expect(scanSource("\n\nimport './a.ts';").imports).toMatchObject([{ line: 3 }]);
    expect(scanSource('\nawait import(name);').computedImportLines).toEqual([2]);
  });
});

describe('the checker', () => {
  const at = (path: string, text: string): SourceFile => ({ path, text });

  it('knows its layers from the ground up: none imports one above it', () => {
    const names = Object.keys(LAYERS);
    for (const [index, name] of names.entries()) {
      for (const below of LAYERS[name]?.mayImport ?? []) {
        expect(names.slice(0, index)).toContain(below.split('/')[0]);
      }
    }
  });

  it.each([
    ['src/core/a.ts', "import { b } from '../runtime/b.ts';"],
    ['src/core/sip/a.ts', "import type { B } from '../../agent/b.ts';"],
    ['src/core/a.ts', "import { readFileSync } from 'node:fs';"],
    ['src/core/a.ts', "export * from '../../test/b.ts';"],
    ['src/runtime/a.ts', "import { b } from '../accounts/b.ts';"],
    ['src/state/a.ts', "import { b } from '../runtime/clock.ts';"],
    ['src/registrar/a.ts', "import { b } from '../runtime/dns.ts';"],
    ['src/agent/a.ts', "const b = await import('../cli/b.ts');"],
    ['src/elsewhere/a.ts', ''],
  ])('refuses in %s: %s', (path, text) => {
    expect(layerViolations(at(path, text))).toHaveLength(1);
  });

  it.each([
    ['src/core/sip/a.ts', "import { b } from '../b.ts';"],
    ['src/registrar/a.ts', "import { md5 } from '../runtime/hash.ts';"],
    ['src/cli/a.ts', "import { b } from '../agent/b.ts'; import { c } from 'node:fs';"],
    ['test/core/a.test.ts', "import { b } from '../../src/cli/b.ts';"],
  ])('accepts in %s: %s', (path, text) => {
    expect(layerViolations(at(path, text))).toEqual([]);
  });

  it('refuses a package outside of its home, one without a home, and build tools in tests', () => {
    expect(packageViolations(at('src/cli/colors.ts', "import chalk from 'chalk';"))).toEqual([]);
    expect(packageViolations(at('src/cli/b.ts', "import chalk from 'chalk';"))).toHaveLength(1);
    expect(packageViolations(at('src/cli/b.ts', "import type { X } from 'conf/lib';"))).toHaveLength(1);
    expect(packageViolations(at('src/cli/b.ts', "import { z } from 'zod';"))).toHaveLength(1);
    expect(packageViolations(at('test/a.test.ts', "import { build } from 'esbuild';"))).toHaveLength(1);
    expect(packageViolations(at('scripts/a.mjs', "import { build } from 'esbuild';"))).toEqual([]);
  });

  it('refuses imports of nothing and computed ones', () => {
    const paths = new Set(['src/core/a.ts', 'src/core/b.ts']);
    expect(importFormViolations(at('src/core/a.ts', "import './b.ts';"), paths)).toEqual([]);
    expect(importFormViolations(at('src/core/a.ts', "import './b.js';"), paths)).toHaveLength(1);
    expect(importFormViolations(at('src/core/a.ts', 'import(b);'), paths)).toHaveLength(1);
  });

  it.each([
    'const now = Date.now();',
    'new Date()',
    'performance.now()',
    'setTimeout(f, 1)',
    'clearInterval(t)',
    'queueMicrotask(f)',
    'Math.random()',
    'process.env',
    'globalThis.x',
    "Buffer.from('')",
    'crypto.randomUUID()',
    'console.log(1)',
    'fetch(url)',
    'new Intl.NumberFormat()',
    'a.toLocaleString()',
    'a.localeCompare(b)',
    'class A {}',
    'async () => {}',
    'enum A { B }',
  ])('refuses in the core: %s', (text) => {
    expect(bannedNames(at('src/core/a.ts', text))).toHaveLength(1);
  });

  it.each([
    '// Date.now()',
    "const text = 'Date.now()';",
    'headers.Date',
    'type DateParts = string',
    'state.process',
    'Math.min(1, 2)',
    'const asyncLike = 1;',
  ])('accepts in the core: %s', (text) => {
    expect(bannedNames(at('src/core/a.ts', text))).toEqual([]);
  });

  it('lets the cli alone use the console, and nobody the locale', () => {
    expect(bannedNames(at('src/cli/a.ts', 'console.log(new Date())'))).toEqual([]);
    expect(bannedNames(at('src/agent/a.ts', 'console.log(1)'))).toHaveLength(1);
    expect(bannedNames(at('src/cli/a.ts', 'n.toLocaleString()'))).toHaveLength(1);
  });

  it('refuses long files, files without a head comment, default exports and unfinished work', () => {
    const unfinished = ['FIX', 'ME'].join('');
    const later = ['TO', 'DO'].join('');
    expect(fileViolations(at('src/core/a.ts', '// A.\n'))).toEqual([]);
    expect(fileViolations(at('bin/a.js', '#!/usr/bin/env node\n// A.\n'))).toEqual([]);
    expect(fileViolations(at('src/core/a.ts', `// A.\n${'\n'.repeat(398)}x`))).toEqual([]);
    expect(fileViolations(at('src/core/a.ts', `// A.\n${'\n'.repeat(399)}x`))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', 'const a = 1;'))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', '// A.\nexport default 1;'))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', '// A.\nexport { a as default };'))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', `// A. ${unfinished}: x`))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', `// A. ${later}: x`))).toHaveLength(1);
    expect(fileViolations(at('src/core/a.ts', `// A. ${later}(#12): x`))).toEqual([]);
    expect(fileViolations(at('src/core/a.ts', `// A.\nconst text = '${unfinished} ${later}';`))).toEqual([]);
  });

  it('refuses names that are not kebab-case or say nothing', () => {
    for (const name of ['name-addr.ts', 'sha256.ts', 'globals.d.ts', 'name-addr.test.ts', 'build.mjs']) {
      expect(nameViolations(`src/${name}`)).toEqual([]);
    }
    for (const name of [
      'nameAddr.ts',
      'name_addr.ts',
      'index.ts',
      'utils.ts',
      'sip-helpers.ts',
      'flow-manager.ts',
    ]) {
      expect(nameViolations(`src/${name}`)).toHaveLength(1);
    }
  });

  it('finds cycles, through types too, each once', () => {
    const files = [
      at('src/a.ts', "import './b.ts';"),
      at('src/b.ts', "import type { C } from './c.ts';"),
      at('src/c.ts', "export * from './a.ts'; import './d.ts';"),
      at('src/d.ts', ''),
    ];
    expect(importCycles(files)).toEqual(['src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts']);
    expect(importCycles([at('src/a.ts', "import './d.ts';"), at('src/b.ts', "import './d.ts';")])).toEqual(
      [],
    );
  });
});

/** Every source file under a folder of the project, with its path from the root. */
function sourcesUnder(folder: string): SourceFile[] {
  return readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|mjs|js)$/.test(name))
    .map((name) => {
      const path = `${folder}/${name}`;
      return { path, text: readFileSync(join(projectRoot, path), 'utf8') };
    });
}
