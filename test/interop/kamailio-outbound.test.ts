// What the tests of RFC 5626 rely on: a Kamailio that is registrar, or edge proxy before one, against a hand-made client.

import { createConnection } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';
import type { KamailioOptions } from './kamailio-config.ts';
import { exchangeStream, exchangeUdp, registerMessage, stunMapping } from './plain-client.ts';

async function running(options: KamailioOptions): Promise<Kamailio> {
  const started = await startKamailio(options);
  onTestFinished(started.stop);
  return started;
}

describe.skipIf(!isInstalled('kamailio'))(`kamailio with outbound${missingPrograms('kamailio')}`, () => {
  it('promises outbound and a Flow-Timer, and keeps a binding for each reg-id', async () => {
    const registrar = await running({ outbound: { flowTimer: 25 } });
    for (const [at, port] of [5_998, 5_999].entries()) {
      const answer = await exchangeStream(
        registrar.port,
        registerMessage({
          transport: 'TCP',
          callId: `flow-${at}`,
          regId: at + 1,
          contact: `sip:alice@127.0.0.1:${port};transport=tcp`,
        }),
        'tcp',
      );
      expect(answer).toMatch(/^SIP\/2\.0 200 /);
      expect(fieldValues(answer, 'Require')).toEqual(['outbound']);
      expect(fieldValues(answer, 'Flow-Timer')).toEqual(['25']);
    }
    const bindings = await registrar.bindings('alice');
    expect(bindings.map(({ regId }) => regId).sort()).toEqual([1, 2]);
    expect(new Set(bindings.map(({ instance }) => instance)).size).toBe(1);
  });

  it('promises nothing to a client without outbound, and is silent about Flow-Timer without the option', async () => {
    const registrar = await running({ outbound: {} });
    const plain = await exchangeUdp(registrar.port, registerMessage());
    expect(plain).toMatch(/^SIP\/2\.0 200 /);
    expect(fieldValues(plain, 'Require')).toEqual([]);
    const able = await exchangeUdp(registrar.port, registerMessage({ callId: 'call-2', regId: 1 }));
    expect(fieldValues(able, 'Require')).toEqual(['outbound']);
    expect(fieldValues(able, 'Flow-Timer')).toEqual([]);
  });

  it('answers both kinds of keep-alive: a double CRLF on TCP, a Binding request on UDP', async () => {
    const registrar = await running({ outbound: {} });
    expect(await exchangeStream(registrar.port, '\r\n\r\n', 'tcp')).toBe('\r\n');
    const { seen, own } = await stunMapping(registrar.port);
    expect(seen).toBe(own);
  });

  it('adds the Path of its flow as an edge proxy, whose registrar takes that for outbound', async () => {
    const registrar = await running({ outbound: { flowTimer: 25 } });
    const edge = await running({ outbound: { registrarPort: registrar.port } });
    const answer = await exchangeStream(edge.port, registerMessage({ transport: 'TCP', regId: 1 }), 'tcp');
    expect(answer).toMatch(/^SIP\/2\.0 200 /);
    expect(fieldValues(answer, 'Require')).toEqual(['outbound']);
    expect(fieldValues(answer, 'Flow-Timer')).toEqual(['25']);
    const [path] = fieldValues(answer, 'Path');
    expect(path).toMatch(new RegExp(`^<sip:[^@>]+@127\\.0\\.0\\.1:${edge.port};[^>]*ob[^>]*>`));
    expect(await registrar.bindings('alice')).toMatchObject([{ regId: 1 }]);
  });

  it('brings requests back along the flow, though the Contact leads nowhere', async () => {
    const registrar = await running({ outbound: {} });
    const edge = await running({ outbound: { registrarPort: registrar.port } });
    const client = createConnection(edge.port, '127.0.0.1');
    onTestFinished(() => void client.destroy());
    let heard = '';
    client.on('data', (bytes) => {
      heard += bytes;
    });
    const contact = 'sip:alice@192.0.2.1:9;transport=tcp';
    client.write(registerMessage({ transport: 'TCP', regId: 1, contact }));
    await expect.poll(() => heard).toMatch(/^SIP\/2\.0 200 /);
    const question = registerMessage({ callId: 'call-2' })
      .replace('REGISTER sip:example.test', 'OPTIONS sip:alice@example.test')
      .replace('1 REGISTER', '1 OPTIONS');
    const asked = exchangeUdp(registrar.port, question);
    asked.catch(() => {}); // The client lets it wait: that it arrives is all that counts.
    await expect.poll(() => heard, { timeout: 3000 }).toContain(`OPTIONS ${contact} SIP/2.0\r\n`);
  });
});
