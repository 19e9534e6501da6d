// TLS files that a test installs, each set in a folder of its own, and what a store makes of them.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TlsMaterial } from '../../src/runtime/tls/material.ts';
import type { MaterialStore } from '../../src/runtime/tls/material-store.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../src/runtime/tls/settings.ts';
import { type IssuedCertificate, makeTemporaryDirectory } from './certificates.ts';

export type Installations = ReturnType<typeof makeTemporaryDirectory> & {
  /** Installs certificate and key into `folder` (a new one), and gives the settings that name them. */
  readonly installed: (issued: IssuedCertificate, folder?: string) => TlsSettings;
  /** Settings that name tls.crt and tls.key in `folder`. */
  readonly inFolder: (folder: string) => TlsSettings;
};

/** A temporary directory for sets of TLS files. */
export function makeInstallations(): Installations {
  const directory = makeTemporaryDirectory();
  let folders = 0;
  const inFolder = (folder: string): TlsSettings => {
    const inside = (name: string): string => path.join(directory.path, folder, name);
    return { ...DEFAULT_TLS_SETTINGS, cert: inside('tls.crt'), key: inside('tls.key') };
  };
  return {
    ...directory,
    inFolder,
    installed: (issued, folder = `set${++folders}`) => {
      mkdirSync(path.join(directory.path, folder), { recursive: true });
      directory.write(`${folder}/tls.crt`, issued.certificate);
      directory.write(`${folder}/tls.key`, issued.key);
      return inFolder(folder);
    },
  };
}

/** The material of the settings; throws its verdict when there is none. */
export async function materialOf(store: MaterialStore, settings: TlsSettings): Promise<TlsMaterial> {
  const material = await store.materialFor(settings);
  if (!material.ok) throw new Error(`${material.error.code}: ${material.error.cause}`);
  return material.value;
}

/** The subject of our certificate in use. */
export async function subjectOf(store: MaterialStore, settings: TlsSettings): Promise<string> {
  return (await materialOf(store, settings)).ownCertificate?.subject ?? 'none';
}

/** Writes over a file that the settings name, in place. */
export function overwrite(file: string | null, content: string): void {
  if (file === null) throw new Error('the settings have such a file');
  writeFileSync(file, content, { mode: 0o600 });
}
