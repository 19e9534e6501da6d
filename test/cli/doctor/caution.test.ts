import { describe, expect, it } from 'vitest';
import { createCaution } from '../../../src/cli/doctor/caution.ts';
import type { RegisterQuery } from '../../../src/cli/doctor/register-query.ts';
import { failureOf } from '../../../src/core/health/verdict.ts';

const REJECTED = {
  outcome: { type: 'failed', failure: failureOf('auth.rejected', 'no') },
} as unknown as RegisterQuery;
const ACCEPTED = { outcome: { type: 'listed', bindings: [] } } as unknown as RegisterQuery;

describe('credentials of many accounts at one registrar', () => {
  it('are sent no more when a few were rejected, however many ask at once', async () => {
    const caution = createCaution();
    let sent = 0;
    const reject = async (held: unknown): Promise<RegisterQuery> => {
      if (held === null) sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return held === null ? REJECTED : ACCEPTED;
    };
    const all = Array.from({ length: 20 }, () => caution.ask('192.0.2.7', null, reject));
    const types = (await Promise.all(all)).map(({ withheld }) => withheld?.type);
    expect(sent).toBeLessThanOrEqual(4);
    expect(types.filter((type) => type === 'cautious')).toHaveLength(20 - sent);
    // Another registrar has rejected nobody.
    const elsewhere = await caution.ask('192.0.2.8', null, async () => ACCEPTED);
    expect(elsewhere.withheld).toBeNull();
  });

  it('are all sent where they are accepted, and never where there is a reason not to', async () => {
    const caution = createCaution();
    for (let account = 0; account < 20; account++) {
      expect((await caution.ask('192.0.2.7', null, async () => ACCEPTED)).withheld).toBeNull();
    }
    const unreadable = { type: 'unreadable' } as const;
    const { withheld } = await caution.ask('192.0.2.7', unreadable, async (held) => {
      expect(held).toBe(unreadable);
      return ACCEPTED;
    });
    expect(withheld).toBe(unreadable);
  });
});
