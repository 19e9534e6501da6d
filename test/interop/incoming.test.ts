// A running agent under the requests of a registrar: SIPp sends them, over UDP from its own sockets and over the TCP
// connection that the agent has opened. One scenario for each rule.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningRegistrar, startRegistrar } from '../../src/registrar/server.ts';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, startKamailio } from './kamailio.ts';
import { registerMessage } from './plain-client.ts';
import { startScriptedRegistrar } from './sipp.ts';
import { call, type Request, request, type Step, scenarioOf } from './sipp-caller.ts';

const ALLOWED = 'INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY';

type AgentUnderTest = {
  readonly agent: RunningCommand;
  readonly scene: AgentScene;
  /** Where requests to the account go. */
  readonly contact: (name: string) => Promise<{ readonly address: string; readonly port: number }>;
};

let registrar: RunningRegistrar;
const ends: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  registrar = await startRegistrar({ users: { alice: 'secret', bob: 'secret', carol: 'secret' } });
});

afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await registrar.close();
});

let agents = 0;

/** An agent with these accounts, all registered; ends after the tests. */
async function startAgent(accounts: Readonly<Record<string, object>>, json = false): Promise<AgentUnderTest> {
  const own = await temporaryHome();
  agents += 1;
  const entries = Object.entries(accounts).map(([user, more]) => [
    user,
    {
      aor: `sip:${user}@127.0.0.1`,
      registrar: `sip:127.0.0.1:${registrar.ports.udp}`,
      transport: 'udp',
      password: 'secret',
      local: '127.0.0.1:0',
      ...more,
    },
  ]);
  const config = await own.write(`accounts-${agents}.json`, { accounts: Object.fromEntries(entries) });
  const scene = agentScene(own, config);
  const agent = json
    ? startSipreg(['-c', config, '--socket', scene.socket, '--json', 'run'], { home: own, timeoutMs: 90_000 })
    : await scene.start('-v');
  ends.push(own.remove);
  for (const user of Object.keys(accounts)) await untilState(scene, user, 'registered');
  const contact: AgentUnderTest['contact'] = async (name) => {
    const local = (await scene.account(name))?.local;
    if (local == null) throw new Error(`${name} has no flow`);
    return local;
  };
  return { agent, scene, contact };
}

/** The answers to one request, and what SIPp has written in all. */
async function ask(
  agent: AgentUnderTest,
  method: string,
  status: number,
  wanted: Request = {},
): Promise<string> {
  const messages = await call({ target: await agent.contact('alice') }, [
    request(method, wanted),
    { receive: status },
  ]);
  return messages.filter(({ direction }) => direction === 'received')[0]?.text ?? '';
}

const programs = ['sipp'] as const;

describe.skipIf(!programs.every(isInstalled))(`requests to an agent${missingPrograms(...programs)}`, () => {
  describe.concurrent('over UDP', () => {
    let alone: AgentUnderTest;
    beforeAll(async () => {
      alone = await startAgent({ alice: {} });
    });

    it('R081 R082 R095 R096 R251 R252 OPTIONS tells what we can do', async () => {
      const answer = await ask(alone, 'OPTIONS', 200);
      expect(fieldValues(answer, 'Allow')).toEqual([ALLOWED]);
      expect(fieldValues(answer, 'Accept')).toEqual(['application/sdp']);
      expect(fieldValues(answer, 'Supported')).toEqual(['outbound, path']);
      expect(fieldValues(answer, 'Via')[0]).toMatch(/;rport=\d+;received=127\.0\.0\.1$/);
      expect(fieldValues(answer, 'To')[0]).toMatch(/;tag=[0-9a-f]{16}$/);
      expect(fieldValues(answer, 'Content-Length')).toEqual(['0']);
    });

    it('OPTIONS needs no user', async () => {
      await ask(alone, 'OPTIONS', 200, { uri: 'sip:[remote_ip]:[remote_port]', to: '<sip:127.0.0.1>' });
    });

    it('R098 OPTIONS that requires what is not known gets 420', async () => {
      const answer = await ask(alone, 'OPTIONS', 420, { headers: ['Require: path, newThing'] });
      expect(fieldValues(answer, 'Unsupported')).toEqual(['newThing']);
    });

    it('R154 a copy of a request gets the same bytes', async () => {
      const target = await alone.contact('alice');
      const messages = await call({ target }, [
        request('OPTIONS'),
        { receive: 200 },
        request('OPTIONS'),
        { receive: 200 },
      ]);
      const [first, second] = messages.filter(({ direction }) => direction === 'received');
      expect(second?.text).toBe(first?.text);
    });

    it('R071 known methods get 405 with Allow, others 501', async () => {
      expect(fieldValues(await ask(alone, 'MESSAGE', 405), 'Allow')).toEqual([ALLOWED]);
      expect(fieldValues(await ask(alone, 'REGISTER', 405), 'Allow')).toEqual([ALLOWED]);
      await ask(alone, 'DANCE', 501);
    });

    it('R090 R091 requests in dialogs get 481', async () => {
      await ask(alone, 'BYE', 481);
      await ask(alone, 'OPTIONS', 481, { to: '<sip:alice@127.0.0.1>;tag=ours' });
      await ask(alone, 'NOTIFY', 481, {
        to: '<sip:alice@127.0.0.1>;tag=ours',
        headers: ['Event: keep-alive'],
      });
    });

    it('R411 R413 R422 NOTIFY is taken for keep-alive and message-summary', async () => {
      await ask(alone, 'NOTIFY', 200, { headers: ['Event: keep-alive'] });
      const headers = ['Event: message-summary', 'Content-Type: application/simple-message-summary'];
      await ask(alone, 'NOTIFY', 200, { headers, body: 'Messages-Waiting: no' });
      const refused = await ask(alone, 'NOTIFY', 489, { headers: ['Event: check-sync'] });
      expect(fieldValues(refused, 'Allow-Events')).toEqual(['keep-alive, message-summary']);
    });

    it('R073 R087 what is broken or has a foreign scheme is told so', async () => {
      await ask(alone, 'OPTIONS', 416, { uri: 'urn:service:sos' });
      await ask(alone, 'OPTIONS', 400, { headers: ['To: <sip:twice@127.0.0.1>'] });
      await ask(alone, 'OPTIONS', 400, { from: '' });
    });

    it('R079 R451 INVITE with content or extensions that are not known is refused', async () => {
      const ack = (status: number): readonly Step[] => [
        { receive: status },
        request('ACK', { to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
      ];
      const target = await alone.contact('alice');
      const content = { headers: ['Content-Type: application/unknown'], body: 'x' };
      await call({ target }, [request('INVITE', content), ...ack(415)]);
      const messages = await call({ target }, [
        request('INVITE', { headers: ['Require: 100rel'] }),
        ...ack(420),
      ]);
      expect(messages.flatMap(({ text }) => fieldValues(text, 'Unsupported'))).toEqual(['100rel']);
    });

    it('R100 R151 R152 a call gets 480, again and again until the ACK, and then no more', async () => {
      const target = await alone.contact('alice');
      const messages = await call({ target }, [
        request('INVITE'),
        { receive: 480 },
        { receive: 480 },
        { receive: 480 },
        request('ACK', { to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
        request('INVITE'),
        { pauseMs: 2_500 },
      ]);
      const finals = messages.filter(({ text }) => text.startsWith('SIP/2.0 480'));
      expect(finals).toHaveLength(3);
      expect(new Set(finals.map(({ text }) => text)).size).toBe(1);
    });

    it('R092 CANCEL gets 200 with its INVITE, 481 without', async () => {
      const target = await alone.contact('alice');
      const messages = await call({ target }, [
        request('INVITE'),
        { receive: 480 },
        request('CANCEL'),
        { receive: 200 },
        request('ACK', { to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
      ]);
      const tags = messages
        .filter(({ direction }) => direction === 'received')
        .map(({ text }) => fieldValues(text, 'To')[0]);
      expect(new Set(tags).size).toBe(1);
      await ask(alone, 'CANCEL', 481);
    });

    it('R093 an ACK for nothing is absorbed', async () => {
      const target = await alone.contact('alice');
      const messages = await call({ target }, [request('ACK'), { pauseMs: 300 }]);
      expect(messages.filter(({ direction }) => direction === 'received')).toEqual([]);
    });

    it('R076 a request that comes two ways gets 482 the second time', async () => {
      const target = await alone.contact('alice');
      await call({ target }, [
        request('OPTIONS'),
        { receive: 200 },
        request('OPTIONS', { branch: 'other-way' }),
        { receive: 482 },
      ]);
    });

    it('tells a missed call', async () => {
      const target = await alone.contact('alice');
      await call({ target }, [
        request('INVITE', { from: '"Mallory \u001bc" <sip:mallory@pbx.test>;tag=m' }),
        { receive: 480 },
        request('ACK', { to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
      ]);
      const told =
        /alice\s+request\s+call from sip:mallory@pbx\.test to sip:alice@127\.0\.0\.1, answered 480/;
      await alone.agent.waitFor('stderr', told);
      expect(alone.agent.stderr()).not.toContain('\u001b');
    });
  });

  describe.concurrent('as configured', () => {
    it('sends calls elsewhere, or says what the account says', async () => {
      const contact = 'sip:voicemail@example.com';
      const agent = await startAgent({
        alice: { answer: { INVITE: { status: 302, contact }, OPTIONS: 486 } },
      });
      const target = await agent.contact('alice');
      const messages = await call({ target }, [
        request('INVITE'),
        { receive: 302 },
        request('ACK', { to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
      ]);
      const redirected = messages.find(({ text }) => text.startsWith('SIP/2.0 302'))?.text ?? '';
      expect(fieldValues(redirected, 'Contact')).toEqual([`<${contact}>`]);
      await ask(agent, 'OPTIONS', 486);
    });

    it('R074 finds the account by Contact and To, and nobody otherwise', async () => {
      const both = await startAgent({ alice: {}, bob: {} }, true);
      const [alice, bob] = [await both.contact('alice'), await both.contact('bob')];
      expect(alice).toEqual(bob);
      const uri = (user: string): string => `sip:${user}@[remote_ip]:[remote_port]`;
      await ask(both, 'MESSAGE', 405, { uri: uri('bob'), to: '<sip:alice@127.0.0.1>' });
      await ask(both, 'MESSAGE', 405, { uri: uri('+4930'), to: '<sip:alice@127.0.0.1>' });
      await ask(both, 'NOTIFY', 404, { uri: uri('+4930'), to: '<sip:+4930@127.0.0.1>' });
      await ask(both, 'OPTIONS', 200, { uri: 'sip:[remote_ip]', to: '<sip:127.0.0.1>' });
      await both.agent.waitFor('stdout', /"type":"request","account":null,"method":"OPTIONS"/);
      const events = both.agent
        .stdout()
        .split('\n')
        .filter((line) => line.includes('"type":"request"'))
        .map((line) => JSON.parse(line));
      expect(events.map(({ account, method, status }) => [account, method, status])).toEqual([
        ['bob', 'MESSAGE', 405],
        ['alice', 'MESSAGE', 405],
        [null, 'NOTIFY', 404],
        [null, 'OPTIONS', 200],
      ]);
      expect(events[0]).toMatchObject({
        time: expect.stringMatching(/Z$/),
        from: 'sip:bob@pbx.test',
        to: 'sip:alice@127.0.0.1',
        transport: 'udp',
        source: { address: '127.0.0.1', port: expect.any(Number) },
      });
    });

    it.each([
      ['registrar', '127.0.0.2', false],
      ['peer', '127.0.0.2', false],
      ['any', '127.0.0.2', true],
      ['peer', '127.0.0.1', true],
    ])('with acceptFrom %s, from %s: %s', async (acceptFrom, from, isHeard) => {
      const agent = await startAgent({ alice: { acceptFrom } });
      const target = await agent.contact('alice');
      const steps = [request('OPTIONS'), isHeard ? { receive: 200 } : { pauseMs: 500 }];
      const messages = await call({ target, from }, steps);
      const heard = messages.some(({ direction }) => direction === 'received');
      expect(heard).toBe(isHeard);
      if (!isHeard) await agent.agent.waitFor('stderr', /request\.dropped-source: a request .*127\.0\.0\.2/);
    });
  });

  it('R156 R171 over TCP, on the connection that the agent opened', async () => {
    const beginning = [
      '  <recv request="REGISTER"/>',
      '  <send><![CDATA[',
      'SIP/2.0 200 OK',
      '[last_Via:]',
      '[last_From:]',
      '[last_To:];tag=sipp',
      '[last_Call-ID:]',
      '[last_CSeq:]',
      '[last_Contact:]',
      'Content-Length: 0',
      '',
      ']]></send>',
    ];
    const uri = 'sip:alice@127.0.0.1';
    const steps: readonly Step[] = [
      request('OPTIONS', { uri }),
      { receive: 200 },
      request('INVITE', { uri, branch: '2', cseq: 2 }),
      { receive: 480 },
      request('ACK', { uri, branch: '2', cseq: 2, to: '<sip:alice@127.0.0.1>[peer_tag_param]' }),
      request('DANCE', { uri, branch: '3', cseq: 3 }),
      { receive: 501 },
      { pauseMs: 1_500 },
    ];
    const server = await startScriptedRegistrar({ scenario: scenarioOf(steps, beginning) }, 'tcp');
    ends.push(server.stop);
    await startAgent({ alice: { registrar: `sip:127.0.0.1:${server.port}`, transport: 'tcp' } });
    const statuses = async (): Promise<readonly string[]> =>
      (await server.requests()).filter((text) => text.startsWith('SIP/2.0')).map((text) => text.slice(8, 11));
    await expect.poll(statuses, { timeout: 8_000 }).toEqual(['200', '480', '501']);
    // A stream loses nothing, so no answer is sent twice.
    await sleep(1_200);
    expect(await statuses()).toEqual(['200', '480', '501']);
    expect(await server.complaints()).toBe('');
  });
});

const server = ['kamailio'] as const;

describe.skipIf(!server.every(isInstalled))(
  `pings of Kamailio's nathelper${missingPrograms(...server)}`,
  () => {
    it.concurrent.each(['datagram', 'options'] as const)('leave the binding there: %s', async (natPing) => {
      const kamailio = await startKamailio({ natPing });
      ends.push(kamailio.stop);
      const at = { registrar: `sip:127.0.0.1:${kamailio.port}` };
      const pinged = await startAgent({ alice: at, bob: at }, true);
      if (natPing === 'options') {
        for (const name of ['alice', 'bob']) {
          const event = `"type":"request","account":"${name}","method":"OPTIONS","from":"sip:pinger@pbx.test"`;
          await pinged.agent.waitFor('stdout', new RegExp(`${event}.*\n(?:.*\n)*.*${event}.*"status":200`));
        }
        // Kamailio removes what has not answered for three seconds.
        await sleep(4_500);
      } else expect(await datagramsAt(kamailio.port, 2)).toEqual(['00000000', '00000000']);
      // The witness is another alice.
      expect(await kamailio.bindings('alice')).toHaveLength(natPing === 'options' ? 1 : 2);
      expect(await kamailio.bindings('bob')).toHaveLength(1);
      const lines = pinged.agent.stdout();
      expect(lines).not.toMatch(/"type":"warning"|agent\.dropped|"status":4/);
      if (natPing === 'datagram') expect(lines).not.toContain('"type":"request"');
    });
  },
);

/** What Kamailio sends to another contact of its own accord, in hexadecimal: it has sent as much to the agent. */
async function datagramsAt(port: number, count: number): Promise<readonly string[]> {
  const witness = createSocket('udp4').bind(0, '127.0.0.1');
  await once(witness, 'listening');
  const datagrams: string[] = [];
  const contact = `sip:witness@127.0.0.1:${witness.address().port}`;
  const register = registerMessage({ contact });
  for (witness.send(register, port, '127.0.0.1'); datagrams.length < count; ) {
    const [datagram] = (await once(witness, 'message', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    if (!datagram.toString().startsWith('SIP/2.0')) datagrams.push(datagram.toString('hex'));
  }
  witness.close();
  return datagrams;
}
