// The files of the status page, as they lie beside this one: read once, when the server starts. They hold nothing about
// any account, so everybody may have them; the page asks for the token itself.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

export type PageFile = { readonly type: string; readonly content: Uint8Array };

/** scripts/build.mjs puts the folder beside the program. */
const FOLDER = join(import.meta.dirname, 'page');

/** What is served at "/". */
export const START_FILE = 'status.html';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The files by name. */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const names = (await readdir(FOLDER)).filter((name) => TYPES[extname(name)] !== undefined);
  const files = await Promise.all(
    names.map(async (name) => {
      const type = TYPES[extname(name)] ?? '';
      return [name, { type, content: await readFile(join(FOLDER, name)) }] as const;
    }),
  );
  return new Map(files);
}
