import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { EXIT_CODES, exitCodesText } from '../../src/cli/exit-codes.ts';
import { VERDICTS } from '../../src/core/health/verdict.ts';
import { runSipreg, temporaryHome } from '../interop/command.ts';

describe('the table of exit codes', () => {
  it('has every code that a command ends with, once and in order', () => {
    const told = EXIT_CODES.map(([code]) => code);
    const used = [...Object.values(EXIT), ...Object.values(VERDICTS).map(({ exit }) => exit)];
    expect(told).toEqual([...new Set(used)].sort((a, b) => a - b));
  });

  it('is a JSON document with --json', async () => {
    const home = await temporaryHome();
    const { code, stdout } = await runSipreg(['exit-codes', '--json'], { home });
    await home.remove();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      schema: 'sipreg.exit-codes/1',
      exitCodes: EXIT_CODES.map(([number, meaning]) => ({ code: number, meaning })),
    });
  });

  it('fits a terminal', () => {
    for (const line of exitCodesText().split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
