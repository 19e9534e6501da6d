// A hundred deaths of the agent at random moments (kill -9): Call-ID stays, CSeq always rises, and at the end there is
// one binding. Four agents die side by side, so that waiting for one is work for the others.

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../../src/core/rng.ts';
import type { AnsweredEvent } from '../../src/registrar/reception.ts';
import { startRegistrar } from '../../src/registrar/server.ts';
import { startSipreg, temporaryHome } from './command.ts';

const AGENTS = 4;
const DEATHS = 25;
/** What a life is waited for before its end is drawn. */
const SIGNS = [null, /agent\.started/, /agent\.started/, /registered/];
/** Until after the answer to the second REGISTER. */
const LONGEST_LIFE_MS = 250;

describe.concurrent('an agent that is killed again and again', () => {
  it.each(Array.from({ length: AGENTS }, (_, index) => index))(
    'keeps its Call-ID and never repeats a CSeq (%i)',
    async (index) => {
      const answers: AnsweredEvent[] = [];
      const registrar = await startRegistrar({
        users: { alice: 'secret' },
        onEvent: (event) => event.type === 'answered' && answers.push(event),
      });
      const home = await temporaryHome();
      try {
        const at = `sip:127.0.0.1:${registrar.ports.udp}`;
        const account = { aor: 'sip:alice@127.0.0.1', registrar: at, transport: 'udp', password: 'secret' };
        const config = await home.write('accounts.json', { accounts: { a: account } });
        const start = () => startSipreg(['-c', config, 'run'], { home });
        const rng = seededRng(index);
        for (let death = 0; death < DEATHS; death++) {
          const agent = start();
          // Some before the program is loaded, most while they register, and some when they have.
          const sign = SIGNS[death % SIGNS.length];
          if (sign) await agent.waitFor('stderr', sign);
          await sleep(rng.unit() * LONGEST_LIFE_MS);
          agent.kill('SIGKILL');
          await agent.result;
        }
        const last = start();
        await last.waitFor('stderr', /registered/);
        const numbers = answers
          .filter(({ repeated }) => !repeated)
          .map(({ cseq }) => Number.parseInt(cseq ?? '', 10));
        expect(new Set(answers.map(({ callId }) => callId)).size).toBe(1);
        expect(numbers.length).toBeGreaterThanOrEqual(Math.floor(DEATHS / SIGNS.length));
        for (const [place, number] of numbers.entries())
          expect(number).toBeGreaterThan(numbers[place - 1] ?? 0);
        expect(registrar.bindings('alice')).toHaveLength(1);
        last.kill('SIGTERM');
        expect((await last.result).code).toBe(0);
        expect(registrar.bindings('alice')).toEqual([]);
      } finally {
        await home.remove();
        await registrar.close();
      }
    },
    90_000,
  );
});
