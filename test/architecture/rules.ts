// The rules of the house as data and as checks over scanned sources: which layer may import what and why, the home file of
// each npm package, what the core may not touch, names and sizes. Each check returns sentences; none means that it holds.

import { posix } from 'node:path';
import { scanSource } from './source-scan.ts';

export type SourceFile = { readonly path: string; readonly text: string };

type Layer = {
  /** Layers, or single files of one, that it may import besides itself. */
  readonly mayImport: readonly string[];
  readonly node: boolean;
  readonly reason: string;
};

/** Who may import whom. The order is the order of the building, from the ground up. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  core: {
    mayImport: [],
    node: false,
    reason:
      'decisions are pure: the same state, input, time and randomness give the same step, so tests can replay them',
  },
  runtime: {
    mayImport: ['core'],
    node: true,
    reason: 'sockets, DNS, clocks and entropy carry out what the core decided and know nothing of accounts',
  },
  accounts: {
    mayImport: ['core', 'runtime'],
    node: true,
    reason: 'turns the accounts file into plans; it registers nothing itself',
  },
  state: {
    mayImport: ['core', 'runtime/atomic-file.ts', 'runtime/bounded-file.ts', 'runtime/own-directory.ts'],
    node: true,
    reason: 'durable identity is data in files; who uses it and how is not its business',
  },
  registrar: {
    mayImport: ['core', 'runtime/hash.ts', 'runtime/clock.ts', 'runtime/entropy.ts'],
    node: true,
    reason:
      'the embedded registrar is the other end of the wire: sharing the agent with it would hide its faults',
  },
  agent: {
    mayImport: ['core', 'runtime', 'accounts', 'state', 'registrar'],
    node: true,
    reason: 'composes everything below into a running agent; it does not know who looks at it',
  },
  cli: {
    mayImport: ['core', 'runtime', 'accounts', 'state', 'registrar', 'agent'],
    node: true,
    reason: 'words, colours and exit codes for people; nothing may depend on them',
  },
};

/** Every npm package that src uses, and the one file that may import it. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  chalk: ['src/cli/colors.ts'],
  ora: ['src/cli/animation.ts'],
  commander: ['src/cli/program.ts'],
  conf: ['src/accounts/user-store.ts'],
  valibot: ['src/accounts/schema.ts', 'src/accounts/schema-terms.ts', 'src/accounts/secret-schema.ts'],
  'jsonc-parser': ['src/accounts/source-positions.ts'],
  ws: ['src/runtime/transport/websocket.ts'],
};

/** Tools of the build: only scripts may import them, and where a test bundles a program that it runs. */
const BUILD_TOOLS: Readonly<Record<string, readonly string[]>> = {
  esbuild: ['test/state/children.ts'],
  '@valibot/to-json-schema': [],
  '@biomejs/biome': [],
  vite: [],
  typescript: [],
  knip: [],
  publint: [],
};

/** Globals that the core may not name. */
const CORE_BANS: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /(?<![\w$.])(?:Date|performance)(?![\w$])/g,
    reason: 'the core reads no clock: `now` is in Env',
  },
  {
    pattern: /(?<![\w$.])(?:(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask)(?![\w$])/g,
    reason: 'the core has no timers: deadlines are state, see wakeAt',
  },
  {
    pattern: /(?<![\w$.])(?:Promise|async|await)(?![\w$])/g,
    reason: 'the core does nothing later: it returns effects',
  },
  { pattern: /(?<![\w$.])Math\s*\.\s*random(?![\w$])/g, reason: 'randomness is in Env.rng' },
  { pattern: /(?<![\w$.])crypto(?![\w$])/g, reason: 'randomness and hashes are in Env' },
  {
    pattern: /(?<![\w$.])(?:process|globalThis|global|require)(?![\w$])/g,
    reason: 'the core knows no process',
  },
  { pattern: /(?<![\w$.])Buffer(?![\w$])/g, reason: 'the core works on Uint8Array' },
  { pattern: /(?<![\w$.])fetch(?![\w$])/g, reason: 'the core does no I/O: it returns effects' },
  { pattern: /(?<![\w$.]|declare )class(?![\w$])/g, reason: 'states are data: the core has no classes' },
];

const LINE_LIMIT = 400;

/** The layer rule: relative imports between the folders of src, and `node:` modules. */
export function layerViolations(file: SourceFile): string[] {
  const layerName = layerOf(file.path);
  if (layerName === undefined) return [];
  const layer = LAYERS[layerName];
  if (layer === undefined)
    return [`${file.path}: src/${layerName} is no layer; they are ${Object.keys(LAYERS)}`];
  return scanSource(file.text).imports.flatMap(({ specifier, line }) => {
    const refuse = (what: string): string[] => [
      `${file.path}:${line}: ${what} (${layerName}: ${layer.reason})`,
    ];
    if (specifier.startsWith('node:')) return layer.node ? [] : refuse(`imports ${specifier}`);
    if (!specifier.startsWith('.')) return [];
    const target = resolveImport(file.path, specifier);
    const targetLayer = layerOf(target);
    if (targetLayer === undefined) return refuse(`imports ${target}, which is outside of src's layers`);
    const allowed =
      targetLayer === layerName ||
      layer.mayImport.some((entry) => entry === targetLayer || target === `src/${entry}`);
    return allowed ? [] : refuse(`imports ${target}`);
  });
}

/** The package rule: one home for each npm package, and only packages that have one. */
export function packageViolations(file: SourceFile): string[] {
  return scanSource(file.text).imports.flatMap(({ specifier, line }) => {
    if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
    const name = packageName(specifier);
    if (!file.path.startsWith('src/')) {
      const exceptions = file.path.startsWith('test/') ? BUILD_TOOLS[name] : undefined;
      return exceptions && !exceptions.includes(file.path)
        ? [`${file.path}:${line}: imports ${name}, which only scripts/ may`]
        : [];
    }
    const home = PACKAGE_HOMES[name];
    if (home?.includes(file.path)) return [];
    return [
      `${file.path}:${line}: imports ${name}, ${home ? `whose home is ${home.join(', ')}` : 'which has no home'}`,
    ];
  });
}

/** How imports are written: whole relative paths of files that exist, no computed ones, no `require`d built-ins. */
export function importFormViolations(file: SourceFile, paths: ReadonlySet<string>): string[] {
  const { imports, computedImportLines } = scanSource(file.text);
  return [
    ...(file.path.startsWith('src/') ? computedImportLines : []).map(
      (line) => `${file.path}:${line}: imports a computed path, which no check can follow`,
    ),
    ...imports.flatMap(({ specifier, line }) => {
      if (!specifier.startsWith('.') || paths.has(resolveImport(file.path, specifier))) return [];
      if (specifier.startsWith('../dist/')) return [];
      return [`${file.path}:${line}: imports ${specifier}, and there is no such file`];
    }),
  ];
}

/** What the core may not name, and what nobody may: locale-dependent output, and `console` below the cli. */
export function bannedNames(file: SourceFile): string[] {
  const { code } = scanSource(file.text);
  const layer = layerOf(file.path);
  if (layer === undefined) return [];
  const find = (pattern: RegExp, reason: string): string[] =>
    Array.from(code.matchAll(pattern), ({ 0: found, index }) => {
      const line = code.slice(0, index).split('\n').length;
      return `${file.path}:${line}: ${found} (${reason})`;
    });
  const core = layer === 'core' && file.path !== 'src/core/assert.ts' ? CORE_BANS : [];
  return [
    ...core.flatMap(({ pattern, reason }) => find(pattern, reason)),
    ...find(/\.toLocale\w*|\.localeCompare|(?<![\w$.])Intl(?![\w$])/g, 'no output depends on the locale'),
    ...find(/(?<![\w$.])enum\s+\w/g, 'erasable syntax only: a union of strings'),
    ...(layer === 'cli' ? [] : find(/(?<![\w$.])console(?![\w$])/g, 'only the cli speaks to people')),
  ];
}

/** Size, head comment, unfinished work, default exports. */
export function fileViolations(file: SourceFile): string[] {
  const { code, comments } = scanSource(file.text);
  const say = (sentence: string): string => `${file.path}: ${sentence}`;
  const violations: string[] = [];
  const lines = file.text.trimEnd().split('\n').length;
  if (lines > LINE_LIMIT)
    violations.push(say(`has ${lines} lines; ${LINE_LIMIT} is the limit: find the two subjects`));
  // A test file's subject is the file that it mirrors.
  if (!file.path.endsWith('.test.ts') && !/^(?:#!.*\n)?\/[/*]/.test(file.text))
    violations.push(say('has no head comment that says what it is'));
  if (/(?<![\w$.])export\s+default(?![\w$])|(?<![\w$])as\s+default(?![\w$])/.test(code)) {
    violations.push(say('has a default export: a name that every reader can search for is better'));
  }
  for (const { text, line } of comments) {
    if (/\bFIXME\b/.test(text)) violations.push(`${file.path}:${line}: fix it now, or open an issue`);
    if (/\bTODO\b(?!\s*\(?#\d)/.test(text))
      violations.push(`${file.path}:${line}: TODO without an issue number`);
  }
  return violations;
}

/** File names: kebab-case, a name from the field, no barrel. */
export function nameViolations(path: string): string[] {
  const name = posix.basename(path);
  const violations: string[] = [];
  // Monitoring systems look for a plugin by this name (interface: `check_sipreg`).
  const isPlugin = path === 'bin/check_sipreg.js';
  if (!isPlugin && !/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|mjs|js)$/.test(name)) {
    violations.push(`${path}: the name is not kebab-case`);
  }
  if (/^index\./.test(name)) violations.push(`${path}: no barrels: import from the file that owns the name`);
  const vague = /(?:^|-)(?:util|utils|helper|helpers|manager|misc|common)(?=-|\.|$)/.exec(
    name.replace(/\.\w+$/, ''),
  );
  if (vague) violations.push(`${path}: "${vague[0].replace('-', '')}" says nothing; name the subject`);
  return violations;
}

/** Every cycle of imports, each once, starting at its first file by name; type-only imports count too. */
export function importCycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map((file) => [
      file.path,
      scanSource(file.text)
        .imports.filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => resolveImport(file.path, specifier)),
    ]),
  );
  const finished = new Set<string>();
  const cycles = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      const ring = trail.slice(seenAt);
      const first = ring.indexOf([...ring].sort()[0] ?? path);
      const ordered = [...ring.slice(first), ...ring.slice(0, first)];
      cycles.add([...ordered, ordered[0]].join(' -> '));
      return;
    }
    if (finished.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return [...cycles].sort();
}

function layerOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function resolveImport(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
