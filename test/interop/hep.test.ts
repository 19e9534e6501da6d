// The mirror of an agent (`agent.hep`) at sngrep, which takes HEPv3 as Homer does: what it heard is what was said.

import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { type ChildGroup, startGroup } from './child-group.ts';
import { type Home, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { isListening } from './listening.ts';

const hasBoth = isInstalled('sngrep') && isInstalled('tshark');

describe.skipIf(!hasBoth)(`a mirrored agent${missingPrograms('sngrep', 'tshark')}`, () => {
  let home: Home;
  let registrar: RunningRegistrar;
  let collector: ChildGroup;
  let port: number;
  let capture: string;

  beforeEach(async () => {
    home = await temporaryHome();
    registrar = await startRegistrar({ users: { alice: 'secret' } });
    port = await freePort();
    capture = join(home.folder, 'heard.pcap');
    const args = ['-F', '-N', '-q', '-L', `udp:127.0.0.1:${port}`, '-O', capture];
    collector = await startGroup('sngrep', args, { cwd: home.folder, logFile: join(home.folder, 'log') });
    await expect.poll(() => isListening('udp', port), { timeout: 20_000 }).toBe(true);
  });

  afterEach(async () => {
    await home.remove();
    await collector.stop();
    await registrar.close();
  });

  it('tells it every message with its real ends, and no proof', async () => {
    const at = `sip:127.0.0.1:${registrar.ports.udp}`;
    const alice = { aor: 'sip:alice@127.0.0.1', registrar: at, password: 'secret', transport: 'udp' };
    const hep = { server: `127.0.0.1:${port}`, id: 7, node: 'edge', password: 'open' };
    const config = await home.write('accounts.json', { accounts: { alice }, agent: { hep } });
    const args = ['-c', config, '--socket', join(home.folder, 'agent.sock'), 'run'];
    const agent = startSipreg(args, { home, timeoutMs: 60_000 });
    await agent.waitFor('stderr', /hep\.started +every SIP message is mirrored .* credentials redacted/);
    await agent.waitFor('stderr', /alice +registered/, 20_000);
    const registering = /Via: SIP\/2\.0\/UDP 127\.0\.0\.1:(\d+)/;
    await expect.poll(() => statSync(capture).size, { timeout: 20_000 }).toBeGreaterThan(1_000);
    await expect.poll(() => heard('sip.Status-Code').filter(Boolean), { timeout: 20_000 }).toContain('200');
    const ours = registering.exec(heard('sip.msg_hdr').join('\n').replaceAll('\\r\\n', '\n'))?.[1];
    const theirs = String(registrar.ports.udp);
    const ends = heard('sip.Method', 'sip.Status-Code', 'udp.srcport', 'udp.dstport', 'ip.src');
    expect(ends).toEqual([
      `REGISTER||${ours}|${theirs}|127.0.0.1`,
      `|401|${theirs}|${ours}|127.0.0.1`,
      `REGISTER||${ours}|${theirs}|127.0.0.1`,
      `|200|${theirs}|${ours}|127.0.0.1`,
    ]);
    expect(heard('sip.auth.digest.response').filter(Boolean)).toEqual(['"…"']);
  });

  /** The fields of every message that the collector has written down. */
  function heard(...fields: readonly string[]): readonly string[] {
    const asked = fields.flatMap((field) => ['-e', field]);
    const args = ['-r', capture, '-d', `udp.port==${registrar.ports.udp},sip`, '-T', 'fields'];
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] } as const;
    const text = execFileSync('tshark', [...args, '-E', 'separator=|', ...asked], {
      ...options,
      stdio: [...options.stdio],
    });
    return text.replace(/\n$/, '').split('\n');
  }
});
