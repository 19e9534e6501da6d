// What fuzzing starts from: the messages of the RFCs under test/vectors, our own cases under corpus/, and every crash that was
// found. Each file is the bytes of one message, or of several in a row; those that are equal count once.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Sample = { readonly name: string; readonly bytes: Uint8Array };

/** The samples, always in the same order: a seed must mean the same case on every machine. `testFolder`: test/. */
export function readCorpus(testFolder: string): readonly Sample[] {
  const folders = ['vectors/rfc3665', 'vectors/rfc4475', 'vectors/rfc5118', 'fuzz/corpus'];
  return distinct(folders.flatMap((folder) => readSamples(join(testFolder, folder))));
}

/** The crashes that were found, each by its own name. */
export function readCrashes(testFolder: string): readonly Sample[] {
  return readSamples(join(testFolder, 'fuzz/crashes'));
}

function readSamples(folder: string): readonly Sample[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.dat'))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
}

function distinct(samples: readonly Sample[]): readonly Sample[] {
  const seen = new Set<string>();
  return samples.filter(({ bytes }) => seen.size !== seen.add(Buffer.from(bytes).toString('latin1')).size);
}
