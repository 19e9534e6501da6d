// The short form of `npm run fuzz`: the corpus and every crash that was ever found, a few thousand spoiled messages of one
// seed, fifty thousand through parser and framer that leave the heap as it was; and that fuzzing itself finds, replays and shrinks what is broken.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import { caseOf, crashName, errorOf, runCases, TARGETS } from './campaign.ts';
import { readCorpus, readCrashes } from './corpus.ts';
import { runMillion } from './million.ts';
import { minimised } from './minimise.ts';
import { mutated } from './mutators.ts';
import type { Target } from './target.ts';

const TEST_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const SAMPLES = readCorpus(TEST_FOLDER);
const CORPUS = SAMPLES.map(({ bytes }) => bytes);
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

describe('the corpus', () => {
  it('has the messages of three RFCs and our own, each once', () => {
    expect(SAMPLES.length).toBeGreaterThan(90);
    expect(new Set(CORPUS.map(textOf)).size).toBe(SAMPLES.length);
  });

  it.each(TARGETS)('R022 R472 breaks nothing in $name', (target) => {
    const broken = SAMPLES.flatMap(({ bytes }) => errorOf(target, bytes, 1, 1) ?? []).slice(0, 1);
    expect(broken).toEqual([]);
  });
});

describe('crashes that were found', () => {
  it.each(TARGETS)('R022 stay fixed in $name', (target) => {
    const broken = readCrashes(TEST_FOLDER).flatMap(({ name, bytes }) => {
      const [, seed = '1', number = '1'] = /-seed-(\d+)-case-(\d+)/.exec(name) ?? [];
      return errorOf(target, bytes, Number(seed), Number(number)) ?? [];
    });
    expect(broken).toEqual([]);
  });

  it('are none when there is no folder for them', () => {
    const empty = mkdtempSync(join(tmpdir(), 'sipreg-fuzz-'));
    try {
      expect(readCrashes(empty)).toEqual([]);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});

describe('spoiled messages', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    'R022 break nothing in %s',
    (name, target) => {
      const cases = name === 'registration' ? 400 : 1_500;
      const campaign = {
        seed: 20_261_121,
        corpus: CORPUS,
        targets: [target],
        spoiled: 0.95,
        mostMutations: 4,
      };
      expect(runCases(campaign, 0, cases)).toBeNull();
    },
  );

  it('R022 fifty thousand, half of them spoiled, break neither parser nor framer and leave nothing behind', {
    timeout: 90_000,
  }, async () => {
    setFlagsFromString('--expose_gc');
    vi.stubGlobal('gc', runInNewContext('gc'));
    onTestFinished(() => void vi.unstubAllGlobals());
    const result = await runMillion({ seed: 4_475, corpus: CORPUS, count: 50_000 });
    expect(result.crash).toBeNull();
    expect(result.handles).toBeLessThanOrEqual(0);
    expect(result.heapAfter).toBeLessThan(result.heapBefore * 1.1);
    // Half of them are whole, and most of the corpus is SIP: a reader that refused everything would be noticed.
    expect(result.parsed).toBeGreaterThan(25_000);
    expect(result.parsed).toBeLessThan(50_000);
    expect(result.framed).toBeGreaterThan(15_000);
  });
});

describe('fuzzing', () => {
  const sample = new TextEncoder().encode('OPTIONS sip:a@b SIP/2.0\r\nExpires: 60\r\n\r\n');
  const breaksAt = (piece: string): Target => ({
    name: 'fragile',
    run: (bytes) => {
      if (textOf(bytes).includes(piece)) throw new Error('broken');
    },
  });
  const campaign = (target: Target) => ({
    seed: 9,
    corpus: [sample],
    targets: [target],
    spoiled: 1,
    mostMutations: 3,
  });

  it.each(['\0', '4294967296', '%00', '\xff', 'sip:sip:'])(
    'finds what breaks at %j, and makes it small',
    (piece) => {
      const crash = runCases(campaign(breaksAt(piece)), 0, 20_000);
      expect(textOf(crash?.bytes ?? new Uint8Array(0))).toBe(piece);
      expect(crash?.error).toContain('broken');
      expect(crash === null ? '' : crashName(crash)).toBe(`fragile-seed-9-case-${crash?.number}.dat`);
    },
  );

  it('gives the same case for the same seed and number, and others for others', () => {
    const of = (seed: number, number: number): string =>
      textOf(caseOf({ seed, corpus: CORPUS, targets: [], spoiled: 1, mostMutations: 4 }, number));
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    expect(numbers.map((number) => of(1, number))).toEqual(numbers.map((number) => of(1, number)));
    expect(new Set(numbers.map((number) => of(1, number))).size).toBeGreaterThan(90);
    expect(numbers.map((number) => of(2, number))).not.toEqual(numbers.map((number) => of(1, number)));
  });

  it('leaves the sample as it was, and stays below the bound', () => {
    const before = textOf(sample);
    const rng = seededRng(3);
    for (let time = 0; time < 2_000; time++) {
      expect(mutated(sample, 4, rng, [sample]).length).toBeLessThanOrEqual(70_000);
    }
    expect(mutated(new Uint8Array(0), 4, rng, []).length).toBeLessThanOrEqual(70_000);
    expect(textOf(sample)).toBe(before);
  });

  it('shrinks to nothing what always fails, and not at all what only fails whole', () => {
    expect(minimised(sample, () => true)).toHaveLength(0);
    expect(minimised(sample, (bytes) => bytes.length === sample.length)).toEqual(sample);
  });
});
