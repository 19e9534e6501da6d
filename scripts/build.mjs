// Builds dist/ with esbuild. CommonJS, because Node loads it in half the time of ES modules (docs/architecture.md), and
// few files: a command loads the program, the file of its own kind, and seldom one of the parts that most do without. The new build is made beside the
// old one and takes its place by rename: a failed build leaves the old one whole.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));

/** Those that Node loads; they load the others (src/cli/cached-files.ts). */
const nodesFiles = { main: ['src/cli/main.ts'], 'cached-files': ['src/cli/cached-files.ts'] };

const commands = (...names) => names.map((name) => `src/cli/commands/${name}.ts`);

/**
 * The files of dist/ and the modules in each. A module that is named here and imported dynamically is in its file, with
 * copies of what that shares with others; so it must hand over plain values, and keep no state that another file needs.
 */
const files = {
  ...nodesFiles,
  program: ['src/cli/program.ts'],
  control: commands('status', 'status-watch', 'trace', 'control', 'completion'),
  'one-shot': commands('register', 'unregister', 'bindings', 'check'),
  agent: commands('run', 'watch'),
  tools: commands('account', 'account-add', 'account-import', 'config', 'demo', 'doctor', 'dry-run'),
  colors: ['src/cli/colors.ts'],
  animation: ['src/cli/animation.ts'],
  'user-store': ['src/accounts/user-store.ts'],
  'source-positions': ['src/accounts/source-positions.ts'],
  http: ['src/agent/http/endpoint.ts'],
  notices: ['src/agent/notices/notices.ts'],
};

/** Lets dynamic imports of those modules lead to their files; everything else goes into the file that imports it. */
const filesApart = {
  name: 'files-apart',
  setup(build) {
    build.onResolve({ filter: /^dist:/ }, ({ path }) => ({
      path: path.slice('dist:'.length),
      namespace: 'dist',
    }));
    build.onLoad({ filter: /.*/, namespace: 'dist' }, ({ path }) => ({
      contents: files[path].map((module) => `export * from './${module}';`).join('\n'),
      resolveDir: projectRoot,
    }));
    build.onResolve({ filter: /\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const wanted = resolve(resolveDir, path);
      const name = Object.keys(files).find((one) =>
        files[one].some((module) => join(projectRoot, module) === wanted),
      );
      return name === undefined ? undefined : { path: `./${name}.cjs`, external: true };
    });
  },
};

/** commander can start other programs as subcommands, which sipreg does not; loading what for costs every command. */
const commanderAlone = {
  name: 'commander-alone',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'unused' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** Bundles `files` into the folder `target`, which it replaces as a whole. */
async function buildInto(target) {
  const { build } = await import('esbuild');
  const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
  const staging = await mkdtemp(`${target}.new-`);
  try {
    const { metafile } = await build({
      metafile: true,
      absWorkingDir: projectRoot,
      entryPoints: Object.fromEntries(
        Object.entries(files).map(([name, modules]) => [
          name,
          modules.length === 1 ? modules[0] : `dist:${name}`,
        ]),
      ),
      outdir: staging,
      outExtension: { '.js': '.cjs' },
      bundle: true,
      format: 'cjs',
      plugins: [filesApart, commanderAlone],
      // require() in its place: import() would start Node's ES module loader.
      supported: { 'dynamic-import': false },
      platform: 'node',
      target: 'node20',
      minifySyntax: true,
      minifyWhitespace: true,
      // Identifiers stay as they are: they stand in the stack traces of bug reports.
      minifyIdentifiers: false,
      // jsonc-parser's `main` is UMD, which hides its imports from the bundler.
      mainFields: ['module', 'main'],
      legalComments: 'eof',
      define: {
        __SIPREG_VERSION__: JSON.stringify(version),
        'import.meta.dirname': '__dirname',
        // ws would look for native helpers; frames as small as SIP's do without.
        'process.env.WS_NO_BUFFER_UTIL': '"1"',
        'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
      },
      logLevel: 'warning',
    });
    refuseUnresolved(metafile);
    for (const name of Object.keys(files)) {
      if (!Object.hasOwn(nodesFiles, name)) await makeFunction(join(staging, `${name}.cjs`));
    }
    // The status page is served as it stands; its tsconfig.json is for us.
    await cp(join(projectRoot, 'src/agent/http/page'), join(staging, 'page'), {
      recursive: true,
      filter: (path) => !path.endsWith('.json'),
    });
    makeCodeCache(staging);
    await chmod(staging, 0o755); // mkdtemp made it 0700; an installation by root serves every user
    await replaceFolder(target, staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** esbuild leaves an import() inside of a try block alone when it finds no file: that would fail at the user's. */
function refuseUnresolved({ outputs }) {
  const left = Object.values(outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external, path }) => external && !isBuiltin(path) && !isFileApart(path));
  if (left.length > 0) throw new Error(`the bundle still imports ${left.map(({ path }) => path).join(', ')}`);
}

/**
 * Makes a file one function, as Node would when it loads it. Done here, the text need not be put together at every
 * start; and in plain ASCII V8 holds one byte for each character, where a single other one would make it two.
 */
async function makeFunction(path) {
  const text = await readFile(path, 'latin1');
  const other = /.{0,60}[^\0-\x7f].{0,20}/.exec(text);
  if (other !== null)
    throw new Error(`${path} has a character outside ASCII, write it as \\uXXXX: ${other[0]}`);
  await writeFile(path, `(function (exports, require, module, __filename, __dirname) {${text}\n})`);
}

/** Lets the new build run once and keep what V8 compiled for it; without that it works all the same. */
function makeCodeCache(folder) {
  const script = join(projectRoot, 'scripts/code-cache.cjs');
  // Nothing of this session: it runs an agent, which would answer to a service manager.
  const { PATH, TMPDIR } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [script, folder], {
    env: { PATH, TMPDIR },
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) console.error(`dist/ has no code cache, and starts slower: ${stderr.trim()}`);
}

function isFileApart(path) {
  return Object.keys(files).some((name) => path === `./${name}.cjs`);
}

/** Puts `replacement` where `target` is. Another build may do the same at this moment: the last one wins. */
async function replaceFolder(target, replacement) {
  const outgoing = `${replacement}.old`;
  for (let attempt = 1; ; attempt++) {
    await rename(target, outgoing).catch(unless('ENOENT'));
    try {
      await rename(replacement, target);
      break;
    } catch (error) {
      if (attempt === 5 || (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST')) throw error;
      await rm(outgoing, { recursive: true, force: true });
    }
  }
  await rm(outgoing, { recursive: true, force: true });
}

function unless(expectedCode) {
  return (error) => {
    if (error.code !== expectedCode) throw error;
  };
}

const target = join(projectRoot, 'dist');
try {
  await buildInto(target);
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') fail(error);
  else if (existsSync(join(target, 'main.cjs'))) {
    // `npm ci --omit=dev` runs `prepare` too, without the bundler: an image that was given its dist/ keeps it.
    console.error('esbuild is not installed (development dependencies are left out): dist/ stays as it is');
  } else {
    // `npm install --global .` and `npm pack` run `prepare` in a fresh clone, and install nothing for it.
    console.error('esbuild is not installed, which builds dist/: run "npm ci" in this folder first');
    process.exitCode = 1;
  }
}

function fail(error) {
  // esbuild has printed its findings already; anything else needs its stack.
  if (!Array.isArray(error.errors)) console.error(error);
  process.exitCode = 1;
}
