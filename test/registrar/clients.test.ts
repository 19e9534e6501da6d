// Two user agents that share no code with us, baresip and SIPp, register at the embedded registrar.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AnsweredEvent, RegistrarEvent } from '../../src/registrar/reception.ts';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { registrarSettings } from '../../src/registrar/settings.ts';
import { type ChildGroup, startGroup } from '../interop/child-group.ts';
import { isInstalled, missingPrograms } from '../interop/installed.ts';

let registrar: RunningRegistrar | undefined;
let program: ChildGroup | undefined;
let folder = '';

afterEach(async () => {
  await program?.stop();
  await registrar?.close();
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

type Answered = RegistrarEvent & AnsweredEvent;

/** A registrar for alice that challenges with MD5, the only algorithm these versions know, and who waits for it. */
async function start(): Promise<{
  readonly port: number;
  readonly answered: (count: number) => Promise<readonly Answered[]>;
}> {
  folder = await mkdtemp(join(tmpdir(), 'sipreg-client-'));
  const seen: Answered[] = [];
  let look = (): void => undefined;
  const { authentication } = registrarSettings('127.0.0.1', new Map());
  if (authentication === null) throw new Error('the defaults authenticate');
  registrar = await startRegistrar({
    users: { alice: 'wonderland' },
    settings: { authentication: { ...authentication, algorithms: ['MD5'] } },
    onEvent: (event) => {
      if (event.type === 'answered') seen.push(event);
      look();
    },
  });
  const answered = (count: number): Promise<readonly Answered[]> =>
    new Promise((resolve, reject) => {
      const limit = setTimeout(() => giveUp(reject, seen), 10_000);
      look = () => {
        if (seen.length < count) return;
        clearTimeout(limit);
        resolve(seen);
      };
      look();
    });
  return { port: registrar.ports.udp, answered };
}

async function giveUp(reject: (error: Error) => void, seen: readonly Answered[]): Promise<void> {
  const log = await readFile(join(folder, 'log'), 'utf8');
  reject(new Error(`only ${seen.length} requests came:\n${log}`));
}

async function run(command: string, args: readonly string[]): Promise<ChildGroup> {
  program = await startGroup(command, args, {
    cwd: folder,
    logFile: join(folder, 'log'),
    env: { TERM: 'dumb' },
  });
  return program;
}

describe.skipIf(!isInstalled('baresip'))(`baresip${missingPrograms('baresip')}`, () => {
  async function startBaresip(
    port: number,
    transport: 'udp' | 'tcp',
    password = 'wonderland',
  ): Promise<void> {
    await writeFile(
      join(folder, 'config'),
      'sip_listen 127.0.0.1:0\nmodule_path /usr/lib/baresip/modules\nmodule_app account.so\n',
    );
    const account = `<sip:alice@127.0.0.1:${port};transport=${transport}>;auth_pass=${password};regint=60\n`;
    await writeFile(join(folder, 'accounts'), account);
    await writeFile(join(folder, 'contacts'), '');
    await run('baresip', ['-f', folder]);
  }

  it.each(['udp', 'tcp'] as const)('registers over %s, and un-registers when it ends', async (transport) => {
    const { port, answered } = await start();
    await startBaresip(port, transport);
    const registered = await answered(2);
    expect(registered.map(({ method, status }) => [method, status])).toEqual([
      ['REGISTER', 401],
      ['REGISTER', 200],
    ]);
    expect(registered[1]?.transport).toBe(transport);
    const [binding] = registrar?.bindings('alice') ?? [];
    expect(binding?.uri).toMatch(/^sip:alice-?\w*@127\.0\.0\.1:\d+/);
    expect(binding?.secondsLeft).toBe(60);
    await program?.stop();
    expect((await answered(3)).at(-1)).toMatchObject({ method: 'REGISTER', status: 200 });
    expect(registrar?.bindings('alice')).toEqual([]);
  });

  it('is refused with a wrong password', async () => {
    const { port, answered } = await start();
    await startBaresip(port, 'udp', 'looking-glass');
    expect((await answered(2)).map(({ status }) => status)).toEqual([401, 401]);
    expect(registrar?.bindings('alice')).toEqual([]);
  });
});

const SIPP_REGISTER = (credentials: string): string =>
  `<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:alice@[remote_ip]>;tag=[call_number]
To: <sip:alice@[remote_ip]>
Call-ID: [call_id]
CSeq: [cseq] REGISTER
Contact: <sip:alice@[local_ip]:[local_port];transport=[transport]>;expires=120
Max-Forwards: 70
${credentials}Content-Length: 0

]]></send>`;

describe.skipIf(!isInstalled('sipp'))(`SIPp${missingPrograms('sipp')}`, () => {
  const scenario = `<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="register">
${SIPP_REGISTER('')}
<recv response="401" auth="true"/>
${SIPP_REGISTER('[authentication username=alice password=wonderland]\n')}
<recv response="200"/>
</scenario>
`;

  it.each([
    ['udp', 'u1'],
    ['tcp', 't1'],
  ])('registers twenty calls over %s', async (transport, option) => {
    const { port } = await start();
    await writeFile(join(folder, 'register.xml'), scenario);
    const sipp = await run('sipp', [
      ...['-sf', 'register.xml', '-nostdin', '-t', option, '-m', '20', '-r', '50'],
      ...['-i', '127.0.0.1', `127.0.0.1:${port}`],
    ]);
    const log = (): Promise<string> => readFile(join(folder, 'log'), 'utf8');
    expect(await sipp.ended, await log()).toEqual({ code: 0, signal: null });
    const events = (registrar?.events() ?? []).filter(
      (event) => event.type === 'answered' && !event.repeated,
    );
    expect(events.filter((event) => event.type === 'answered' && event.status === 200)).toHaveLength(20);
    expect(events).toHaveLength(40);
    expect(events.every((event) => event.transport === transport)).toBe(true);
    expect(registrar?.bindings('alice')).toMatchObject([{ secondsLeft: 120 }]);
  });
});
