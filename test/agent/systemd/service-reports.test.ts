import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServiceReports } from '../../../src/agent/systemd/service-reports.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';
import { type NotifyReceiver, startNotifyReceiver } from '../../support/notify-receiver.ts';

const SNAPSHOT = {
  pid: 1,
  version: '1.0.0',
  startedAt: '2026-11-21T10:00:00.000Z',
  state: 'running',
  config: '/etc/sipreg/accounts.json',
  socket: null,
  stateDirectory: null,
  registered: 1,
  enabled: 1,
  lastReload: null,
  problems: [],
} as const;
const agent = { agent: () => SNAPSHOT, snapshot: () => undefined, follow: () => () => undefined };
const warn = (text: string): void => {
  throw new Error(text);
};

let folder: string;
let receiver: NotifyReceiver;

const hasBoth = isInstalled('systemd-notify') && isInstalled('perl');

describe.skipIf(!hasBoth)(
  `the sign of life for the watchdog${missingPrograms('systemd-notify', 'perl')}`,
  () => {
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sipreg-watchdog-'));
      receiver = await startNotifyReceiver(join(folder, 'notify'));
    });

    afterEach(async () => {
      await receiver.close();
      rmSync(folder, { recursive: true });
    });

    const env = (): Readonly<Record<string, string | undefined>> => ({
      PATH: process.env.PATH,
      NOTIFY_SOCKET: receiver.path,
      WATCHDOG_USEC: '400000',
    });
    const signs = (): number => receiver.messages().filter((lines) => lines.includes('WATCHDOG=1')).length;

    it('comes at half the time, as long as no registration is overdue', async () => {
      let overdue = 0;
      let looks = 0;
      const overdueMs = (): number => {
        looks += 1;
        return overdue;
      };
      const manager = startServiceReports({ agent, env: env(), overdueMs, warn });
      await expect.poll(signs, { timeout: 20_000 }).toBeGreaterThan(2);
      overdue = 61_000;
      // What was under way may still arrive.
      const before = looks;
      await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(before + 15);
      const count = signs();
      const then = looks;
      await expect.poll(() => looks, { timeout: 20_000 }).toBeGreaterThan(then + 15);
      expect(signs()).toBe(count);
      overdue = 0;
      await expect.poll(signs, { timeout: 20_000 }).toBeGreaterThan(count);
      await manager?.close();
    });

    it('does not come when it is wanted of another process, or of none', async () => {
      const overdueMs = (): number => 0;
      const other = startServiceReports({ agent, env: { ...env(), WATCHDOG_PID: '1' }, overdueMs, warn });
      const none = startServiceReports({ agent, env: { ...env(), WATCHDOG_USEC: '' }, overdueMs, warn });
      const own = { ...env(), WATCHDOG_PID: String(process.pid), WATCHDOG_USEC: '4000000' };
      const wanted = startServiceReports({ agent, env: own, overdueMs, warn });
      await receiver.until(/^WATCHDOG=1$/);
      expect(signs()).toBe(1);
      for (const manager of [other, none, wanted]) await manager?.close();
    });
  },
);

describe('an agent without a service manager', () => {
  it.each([{}, { NOTIFY_SOCKET: '' }])('has nothing to tell: %j', (without) => {
    const follow = (): never => {
      throw new Error('it followed');
    };
    const options = { agent: { ...agent, follow }, env: without, overdueMs: () => 0, warn };
    expect(startServiceReports(options)).toBeNull();
  });
});
