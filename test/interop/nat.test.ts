// An agent behind a NAT that forgets in three seconds, and a real Kamailio outside, which knows the agent by nothing
// but its Contact: the public address in it, the mapping that is kept open, and a mapping that changes.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, temporaryHome } from './command.ts';
import { missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import { namespaceObstacle } from './namespaces.ts';
import { type NatScene, startNat } from './nat-scene.ts';
import { call, request } from './sipp-caller.ts';

const FIRST_PORTS = [30_000, 30_999] as const;
const MIDDLE_PORTS = [35_000, 35_999] as const;
const LATER_PORTS = [40_000, 40_999] as const;
const NAT_TIMEOUT_SECONDS = 3;

const obstacle = namespaceObstacle('ip and nft') || missingPrograms('kamailio', 'sipp');
const isPossible = obstacle === '';

let nat: NatScene;
let kamailio: Kamailio;
let home: Home;
let scene: AgentScene;
let agent: ChildProcess;

beforeAll(async () => {
  if (!isPossible) return;
  nat = startNat(FIRST_PORTS, NAT_TIMEOUT_SECONDS);
  kamailio = await startKamailio({ alsoAt: nat.outside, outbound: {} });
  home = await temporaryHome();
  const config = await home.write('accounts.json', accountsFile());
  scene = agentScene(home, config);
  agent = nat.startSipreg(['-q', '-c', config, '--socket', scene.socket, 'run'], home);
  for (const name of ['crlf', 'stun', 'late', 'off', 'private'])
    await untilState(scene, name, 'registered', 20_000);
}, 60_000);

afterAll(async () => {
  if (!isPossible) return;
  if (agent !== undefined && agent.exitCode === null) {
    const ended = once(agent, 'exit');
    agent.kill('SIGKILL');
    await ended;
  }
  await kamailio?.stop();
  await home?.remove();
  nat?.remove();
});

/** Each has a port of its own to send from: accounts that share a flow would keep it open for each other. */
function accountsFile(latePort = 5_072): object {
  const account = (name: string, port: number, chosen: object): object => ({
    aor: `sip:${name}@${nat.outside}`,
    registrar: `sip:${nat.outside}:${kamailio.port}`,
    transport: 'udp',
    local: `0.0.0.0:${port}`,
    outbound: 'off',
    ...chosen,
  });
  return {
    accounts: {
      crlf: account('crlf', 5_071, { keepalive: { method: 'crlf', interval: 1 } }),
      stun: account('stun', 0, { outbound: 'on', keepalive: { interval: 1 } }),
      late: account('late', latePort, { outbound: 'on', keepalive: { interval: 10 } }),
      off: account('off', 5_073, { keepalive: { method: 'off' } }),
      private: account('private', 5_074, { nat: 'off', keepalive: { method: 'crlf', interval: 1 } }),
    },
  };
}

/** The Contacts that the registrar holds, as addresses. */
async function bound(user: string): Promise<readonly { readonly host: string; readonly port: number }[]> {
  return (await kamailio.bindings(user)).map(({ contact }) => {
    const [, host = '', port] = /@([^:;]+):(\d+)/.exec(contact) ?? [];
    return { host, port: Number(port) };
  });
}

/** The Contact fields of every REGISTER of the user, in order. */
async function registers(user: string): Promise<readonly (readonly string[])[]> {
  const received = await kamailio.requests('REGISTER');
  return received
    .filter(({ text }) => fieldValues(text, 'To')[0]?.includes(`:${user}@`))
    .map(({ text }) => fieldValues(text, 'Contact'));
}

function isAmong(port: number | undefined, [first, last]: readonly [number, number]): boolean {
  return port !== undefined && port >= first && port <= last;
}

/** OPTIONS to the user by way of the registrar: the status that comes back from behind the NAT. */
async function optionsTo(user: string): Promise<string> {
  const target = { address: nat.outside, port: kamailio.port };
  const to = `sip:${user}@${nat.outside}`;
  const messages = await call({ target, from: nat.outside }, [
    request('OPTIONS', { uri: to, to: `<${to}>` }),
    { receive: 200 },
  ]);
  return messages.at(-1)?.text.split('\n')[0]?.trim() ?? '';
}

async function untilRebound(user: string, ports: readonly [number, number]): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (;;) {
    const contacts = await bound(user);
    if (contacts.length === 1 && isAmong(contacts[0]?.port, ports)) return;
    if (performance.now() > deadline) throw new Error(`${user} is bound at ${JSON.stringify(contacts)}`);
    await sleep(100);
  }
}

describe.skipIf(!isPossible)(`an agent behind a NAT${obstacle}`, () => {
  it('registers its public address, and removes the private one in the same REGISTER, once', async () => {
    const contacts = await bound('crlf');
    expect(contacts).toEqual([{ host: nat.public, port: expect.any(Number) }]);
    expect(isAmong(contacts[0]?.port, FIRST_PORTS)).toBe(true);
    const sent = await registers('crlf');
    const own = new RegExp(`^<sip:crlf@${nat.inside}:5071>;expires=3600$`);
    expect(sent).toEqual([
      [expect.stringMatching(own)],
      [
        `<sip:crlf@${nat.public}:${contacts[0]?.port}>;expires=3600`,
        `<sip:crlf@${nat.inside}:5071>;expires=0`,
      ],
    ]);
    expect((await scene.account('crlf'))?.public).toEqual({ address: nat.public, port: contacts[0]?.port });
    // A refresh by the same mapping learns nothing new.
    expect((await scene.sipreg('refresh', 'crlf')).code).toBe(0);
    expect((await registers('crlf')).slice(2)).toEqual([
      [`<sip:crlf@${nat.public}:${contacts[0]?.port}>;expires=3600`],
    ]);
  });

  it('with outbound the new Contact takes the old place by its reg-id, alone', async () => {
    const sent = await registers('stun');
    expect(sent.map((contacts) => contacts.length)).toEqual([1, 1]);
    const contacts = await bound('stun');
    expect(contacts).toEqual([{ host: nat.public, port: expect.any(Number) }]);
    expect(sent[1]?.[0]).toContain(`@${nat.public}:${contacts[0]?.port}>;+sip.instance=`);
  });

  it('keeps its own address where nat is off', async () => {
    expect(await bound('private')).toEqual([{ host: nat.inside, port: 5_074 }]);
    expect(await registers('private')).toEqual([[`<sip:private@${nat.inside}:5074>;expires=3600`]]);
  });

  it('is reached for longer than the NAT remembers, but not without keep-alives', async () => {
    expect((await scene.sipreg('refresh', 'off')).code).toBe(0);
    expect(await optionsTo('off')).toBe('SIP/2.0 200 OK');
    await sleep((NAT_TIMEOUT_SECONDS + 2) * 1_000);
    expect(await optionsTo('crlf')).toBe('SIP/2.0 200 OK');
    expect(await optionsTo('stun')).toBe('SIP/2.0 200 OK');
    await expect(optionsTo('off')).rejects.toThrow(/sipp ended with/);
  }, 30_000);

  it('R347 notices by the first STUN answer that its mapping is no more that of the 2xx', async () => {
    // From another port of its own it has a flow that STUN was not asked about yet.
    await home.write('accounts.json', accountsFile(5_082));
    expect((await scene.sipreg('reload')).code).toBe(0);
    const late = async () => scene.account('late');
    await expect
      .poll(late, { timeout: 10_000 })
      .toMatchObject({ state: 'registered', local: { port: 5_082 } });
    nat.rebind(...MIDDLE_PORTS);
    await untilRebound('late', MIDDLE_PORTS);
    expect(await optionsTo('late')).toBe('SIP/2.0 200 OK');
  }, 40_000);

  it('R347 R351 notices by STUN that its mapping has changed, and by the next REGISTER without', async () => {
    const earlier = await registers('stun');
    nat.rebind(...LATER_PORTS);
    await untilRebound('stun', LATER_PORTS);
    expect(await optionsTo('stun')).toBe('SIP/2.0 200 OK');
    expect((await registers('stun')).length).toBeLessThanOrEqual(earlier.length + 2);
    const [before] = await bound('crlf');
    expect(isAmong(before?.port, FIRST_PORTS)).toBe(true);
    expect((await scene.sipreg('refresh', 'crlf')).code).toBe(0);
    await untilRebound('crlf', LATER_PORTS);
    expect((await registers('crlf')).at(-1)).toEqual([
      expect.stringContaining(`@${nat.public}:`),
      `<sip:crlf@${nat.public}:${before?.port}>;expires=0`,
    ]);
    expect(await optionsTo('crlf')).toBe('SIP/2.0 200 OK');
  }, 40_000);
});
