// The agent as a service of systemd: what it tells the service manager while it starts, reloads, loses an account and ends,
// and what systemd itself says of the unit file. PID 1 need not be systemd for either.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { type NotifyReceiver, startNotifyReceiver } from '../support/notify-receiver.ts';
import { type Home, runSipreg, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';

const projectRoot = join(import.meta.dirname, '../..');

let home: Home;

beforeEach(async () => {
  home = await temporaryHome();
});

afterEach(() => home.remove());

const hasBoth = isInstalled('systemd-notify') && isInstalled('perl');

describe.skipIf(!hasBoth)(`an agent that systemd starts${missingPrograms('systemd-notify', 'perl')}`, () => {
  let registrar: RunningRegistrar;
  let receiver: NotifyReceiver;

  beforeEach(async () => {
    registrar = await startRegistrar({ users: { alice: 'secret', bob: 'secret' } });
    receiver = await startNotifyReceiver(join(home.folder, 'notify'));
  });

  afterEach(async () => {
    await receiver.close();
    await registrar.close();
  });

  it('tells that it is ready, how it does, that it lives, reloads and stops', async () => {
    const at = { registrar: `sip:127.0.0.1:${registrar.ports.udp}`, transport: 'udp' };
    const alice = { ...at, aor: 'sip:alice@127.0.0.1', password: 'secret' };
    const bob = { ...at, aor: 'sip:bob@127.0.0.1', password: 'wrong' };
    const config = await home.write('accounts.json', { accounts: { alice, bob } });
    const global = ['-c', config, '--socket', join(home.folder, 'agent.sock')];
    const environment = { NOTIFY_SOCKET: receiver.path, WATCHDOG_USEC: '1000000' };
    const agent = startSipreg([...global, 'run'], { home, environment, timeoutMs: 90_000 });
    expect(await receiver.until(/^READY=1$/)).toContainEqual(
      expect.stringMatching(/^STATUS=\d of 2 registered/),
    );
    await receiver.until(/^STATUS=1 of 2 registered; bob (?:waiting|blocked): \S/);
    await receiver.until(/^WATCHDOG=1$/, receiver.messages().length);
    await home.write('accounts.json', { accounts: { alice } });
    const before = receiver.messages().length;
    expect(await runSipreg([...global, 'reload'], { home })).toMatchObject({ code: 0 });
    const reloading = await receiver.until(/^RELOADING=1$/, before);
    expect(reloading).toContainEqual(expect.stringMatching(/^MONOTONIC_USEC=\d{6,}$/));
    expect(await receiver.until(/^READY=1$/, before)).toContain('STATUS=1 of 1 registered');
    const order = receiver.messages().slice(before).flat();
    expect(order.indexOf('RELOADING=1')).toBeLessThan(order.indexOf('READY=1'));
    agent.kill('SIGTERM');
    expect(await agent.result).toMatchObject({ code: 0 });
    expect(await receiver.until(/^STOPPING=1$/)).toContainEqual(expect.stringMatching(/^STATUS=stopping; /));
    expect(agent.stderr()).not.toContain('systemd');
  });
});

const hasAnalyze = isInstalled('systemd-analyze');

describe.skipIf(!hasAnalyze)(`sipreg.service${missingPrograms('systemd-analyze')}`, () => {
  const text = readFileSync(join(projectRoot, 'systemd/sipreg.service'), 'utf8');

  /** The unit as it is installed, but with the program of this project. */
  function installedUnit(): string {
    const folder = join(home.folder, 'units');
    mkdirSync(folder);
    const unit = join(folder, 'sipreg.service');
    const program = join(projectRoot, 'bin/sipreg.js');
    writeFileSync(unit, text.replaceAll(/^(Exec\w+)=sipreg /gm, `$1=${program} `));
    return unit;
  }

  it('is what systemd understands', () => {
    const args = ['verify', '--man=no', installedUnit()];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    // Units of the host that it reads besides may have faults of their own.
    expect(`${stdout}${stderr}`).not.toContain('sipreg');
    expect(status).toBe(0);
  });

  it('leaves the agent little of the host: an exposure of at most 2 of 10', () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=20', installedUnit()];
    // It fails beyond the threshold, which is in tenths.
    expect(execFileSync('systemd-analyze', args, { encoding: 'utf8' })).toMatch(
      /exposure level for sipreg\.service: \d/,
    );
  });

  it('lets V8 work, and starts nothing anew that fails for good', () => {
    expect(text).not.toMatch(/^MemoryDenyWriteExecute=yes/m);
    const lasting = [EXIT.usage, EXIT.noInput, EXIT.config].join(' ');
    expect(text).toContain(`\nRestartPreventExitStatus=${lasting}\n`);
  });
});
