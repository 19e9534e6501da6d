import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNotifySocket } from '../../../src/agent/systemd/notify-socket.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';
import { type NotifyReceiver, startNotifyReceiver } from '../../support/notify-receiver.ts';

let folder: string;
let receiver: NotifyReceiver | null = null;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sipreg-notify-'));
  warnings = [];
});

afterEach(async () => {
  await receiver?.close();
  receiver = null;
  rmSync(folder, { recursive: true });
});

const warn = (text: string): void => {
  warnings.push(text);
};
const hasBoth = isInstalled('systemd-notify') && isInstalled('perl');

describe.skipIf(!hasBoth)(
  `the socket of the service manager${missingPrograms('systemd-notify', 'perl')}`,
  () => {
    it('gets turns one by one and in order, and what comes meanwhile with the next of them', async () => {
      receiver = await startNotifyReceiver(join(folder, 'notify'));
      const socket = createNotifySocket({ path: receiver.path, searchPath: process.env.PATH, warn });
      socket.send({ STATUS: 'starting' });
      socket.send({ READY: '1', STATUS: '1 of 1 registered' });
      socket.send({ WATCHDOG: '1' });
      socket.send({ RELOADING: '1', MONOTONIC_USEC: '5' });
      socket.send({ READY: '1', STATUS: 'again' });
      socket.send({ WATCHDOG: '1' });
      socket.send({ STATUS: 'newer' });
      await receiver.until(/STATUS=newer/);
      await socket.close();
      // systemd-notify itself asks for a barrier after each message, so that it is not gone before it was heard.
      const heard = receiver.messages().filter(([first]) => first !== 'BARRIER=1');
      expect(heard).toEqual([
        ['STATUS=starting'],
        ['READY=1', 'STATUS=1 of 1 registered', 'WATCHDOG=1'],
        ['RELOADING=1', 'MONOTONIC_USEC=5'],
        ['READY=1', 'WATCHDOG=1', 'STATUS=newer'],
      ]);
      expect(warnings).toEqual([]);
    });

    it('is told of once when nobody listens, until somebody does', async () => {
      const path = join(folder, 'notify');
      const socket = createNotifySocket({ path, searchPath: process.env.PATH, warn });
      socket.send({ READY: '1' });
      await socket.close();
      socket.send({ WATCHDOG: '1' });
      await socket.close();
      expect(warnings).toEqual([
        expect.stringContaining(`the service manager at ${path} does not hear us: `),
      ]);
      receiver = await startNotifyReceiver(path);
      socket.send({ WATCHDOG: '1' });
      await receiver.until(/WATCHDOG=1/);
      await socket.close();
      await receiver.close();
      receiver = null;
      socket.send({ WATCHDOG: '1' });
      await socket.close();
      expect(warnings).toHaveLength(2);
    });
  },
);

describe('a host without systemd-notify', () => {
  it('is told of once, and asked no more', async () => {
    const socket = createNotifySocket({ path: join(folder, 'notify'), searchPath: folder, warn });
    socket.send({ READY: '1' });
    socket.send({ STOPPING: '1' });
    await socket.close();
    socket.send({ WATCHDOG: '1' });
    await socket.close();
    expect(warnings).toEqual([expect.stringContaining('there is no systemd-notify here')]);
  });
});
