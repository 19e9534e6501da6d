// Containerfile and examples/kubernetes.yaml, as far as that can be tried without a container: the files that the image takes
// are all that the program needs, and what the example names is there.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAccounts } from '../../src/accounts/load.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';

const projectRoot = join(import.meta.dirname, '../..');
const containerfile = readFileSync(join(projectRoot, 'Containerfile'), 'utf8');
const example = readFileSync(join(projectRoot, 'examples/kubernetes.yaml'), 'utf8');

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(() => home.remove());

/** The accounts file inside of the example, without its indentation. */
function exampleAccounts(): string {
  const [, block = ''] = /^ {2}accounts\.json: \|\n((?: {4}.*\n)+)/m.exec(example) ?? [];
  return block.replaceAll(/^ {4}/gm, '');
}

describe('Containerfile', () => {
  it('takes everything that the program needs into the image', async () => {
    const image = join(home.folder, 'image');
    const copies = [...containerfile.matchAll(/^COPY --from=build (.+) (\S+)$/gm)];
    for (const [, sources = '', target = ''] of copies) {
      for (const source of sources.split(' ')) {
        const from = join(projectRoot, source.replace('/src/', ''));
        // A directory's contents go into the target, a file goes into it by its name.
        const to = target.endsWith('/')
          ? join(image, target, source.replace('/src/', ''))
          : join(image, target);
        mkdirSync(join(to, '..'), { recursive: true });
        cpSync(from, to, { recursive: true });
      }
    }
    const config = await home.write('accounts.json', { accounts: {}, agent: { http: '127.0.0.1:0' } });
    const program = join(image, 'opt/sipreg/bin/sipreg.js');
    const environment = { SIPREG_CONFIG: config, RUNTIME_DIRECTORY: join(home.folder, 'run') };
    const agent = startSipreg(['run'], { home, environment, program });
    const [, url = ''] = await agent.waitFor('stderr', /status page, metrics and API at (\S+)/, 20_000);
    const [, health = ''] = /^HEALTHCHECK .* CMD sipreg (\w+) /m.exec(containerfile) ?? [];
    const asked = await startSipreg([health], { home, environment, program }).result;
    expect(asked).toMatchObject({ code: 0 });
    const probes = [...example.matchAll(/httpGet: \{ path: (\S+), port: http \}/g)].map(
      ([, path = '']) => path,
    );
    expect(new Set(probes)).toEqual(new Set(['/livez', '/readyz']));
    for (const path of probes) {
      await expect.poll(async () => (await fetch(new URL(path, url))).status, { timeout: 20_000 }).toBe(200);
    }
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(await startSipreg([health], { home, environment, program }).result).toMatchObject({ code: 69 });
  });
});

describe('examples/kubernetes.yaml', () => {
  it('has accounts that are valid, at the paths and the port that it mounts and opens', async () => {
    const path = join(home.folder, 'accounts.json');
    writeFileSync(path, exampleAccounts(), { mode: 0o640 });
    const loaded = await loadAccounts(path);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
    expect(loaded.value.warnings).toEqual([]);
    const [, port] = /:(\d+)$/.exec(loaded.value.document().agent?.http ?? '') ?? [];
    expect(example).toContain(`{ name: http, containerPort: ${port} }`);
    const files = [...exampleAccounts().matchAll(/"file": "(.+)\/([^/"]+)"/g)];
    expect(files.length).toBeGreaterThan(1);
    for (const [, directory = '', name = ''] of files) {
      expect(example).toContain(`{ name: secrets, mountPath: ${directory}, readOnly: true }`);
      expect(example).toMatch(new RegExp(`^  ${name}: \\S`, 'm'));
    }
  });

  it('has one agent, which ends before the next one begins, and mounts nothing by subPath', () => {
    expect(example).toMatch(/^ {2}replicas: 1\n {2}strategy:\n {4}type: Recreate$/m);
    expect(example).not.toMatch(/^[^#\n]*subPath/m);
  });
});
