// A registrar whose every text is made to drive the reader's terminal, forge log lines or fill the disk: what commands and
// agent print of it is plain, short, and one line for each thing that happened.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentScene, untilState } from './agent-scene.ts';
import { type CommandResult, type Home, runSipreg, startSipreg, temporaryHome } from './command.ts';
import { fieldValues } from './kamailio.ts';
import { type PlainServer, startUdpServer } from './plain-server.ts';

/** ANSI escapes, forged lines, text that runs backwards, a title, a hash that may be an echo of ours. */
const NOISE = `\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e\u2066\u200f\u2028\b\u007f${'0123456789abcdef'.repeat(4)}`;
/** The most that fits into a head. */
const LONG = `${NOISE}${'A'.repeat(28_000)}`;

let home: Home;
let server: PlainServer;
let status = '403';
let reason = '';
let rows: readonly string[] = [];

beforeEach(async () => {
  home = await temporaryHome();
  rows = [];
  server = await startUdpServer((request) => {
    const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map(
      (name) => `${name}: ${fieldValues(request, name)[0]}`,
    );
    return [`SIP/2.0 ${status} ${reason}`, ...copied, ...rows, 'Content-Length: 0', '\r\n'].join('\r\n');
  });
});

afterEach(async () => {
  await server.stop();
  await home.remove();
});

async function configOf(): Promise<string> {
  const account = {
    aor: 'sip:alice@127.0.0.1',
    registrar: `sip:127.0.0.1:${server.port}`,
    transport: 'udp',
    password: 'Mellon!',
    retry: { base: 1, max: 1 },
  };
  return await home.write('accounts.json', { accounts: { a: account } });
}

async function run(...words: readonly string[]): Promise<CommandResult> {
  return await runSipreg(['-c', await configOf(), ...words], { home });
}

/** Line breaks stand alone; nothing else moves the cursor or the direction of reading. */
function expectPlain(text: string, mostLength: number): void {
  const at = text.search(/[^\n\x20-\x7e…✓✗–—·→]/);
  expect(at === -1 ? '' : JSON.stringify(text.slice(Math.max(0, at - 40), at + 20))).toBe('');
  expect(text.length).toBeLessThan(mostLength);
  expect(text).not.toContain('0123456789abcdef0123456789abcdef');
}

const SCENES: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['its reason phrase', '403', LONG, []],
  ['its Warning', '403', 'No', [`Warning: 399 pbx "${LONG}"`]],
  ['very many Warnings', '403', 'No', Array.from({ length: 200 }, () => `Warning: 399 pbx "${NOISE}"`)],
  ['its Server', '503', NOISE, [`Server: ${LONG}`, 'Retry-After: 3600']],
  ['its realm', '401', NOISE, [`WWW-Authenticate: Digest realm="${NOISE}", nonce="n", algorithm=${NOISE}`]],
  ['its extension', '421', 'Extension', [`Require: ${NOISE},${LONG}`]],
  ['its Contacts', '302', NOISE, [`Contact: "${LONG}" <sip:${NOISE}@x>`]],
  ['its Min-Expires', '423', NOISE, [`Min-Expires: ${NOISE}`]],
];

describe('what a registrar says is made plain', () => {
  it.each(SCENES)('R022 %s, by register', async (_, wantedStatus, wantedReason, wantedRows) => {
    [status, reason, rows] = [wantedStatus, wantedReason, wantedRows];
    const shown = await run('register', 'a', '--timeout', '5');
    expect(shown.code).not.toBe(0);
    expectPlain(shown.stdout + shown.stderr, 3_000);
    const json = await run('--json', 'register', 'a', '--timeout', '5');
    expectPlain(json.stdout + json.stderr, 8_000);
    const [account] = JSON.parse(json.stdout).accounts;
    expect(account.failure.cause.length).toBeLessThan(900);
  });

  it('R022 what is bound, by bindings', async () => {
    [status, reason] = ['200', NOISE];
    rows = [`Contact: <sip:${NOISE}@10.0.0.1>, <sip:x@10.0.0.2;y=\u202e>;expires=60, "${NOISE}" <sip:a@b>`];
    for (const words of [
      ['bindings', 'a'],
      ['--json', 'bindings', 'a'],
    ]) {
      const { code, stdout, stderr } = await run(...words);
      expect(code).toBe(0);
      expectPlain(stdout + stderr, 5_000);
    }
  });

  it('R022 a message is shown with -vv, line by line', async () => {
    [status, reason, rows] = ['403', `${NOISE} forged\rforged`, [`Server: ${LONG}`, 'Warning: 399 a "b"']];
    const { stderr } = await run('-vv', 'register', 'a', '--timeout', '5');
    expect(stderr).toMatch(/^SIP\/2\.0 403 /m);
    const at = stderr.search(/[^\n\x20-\x7e…✓✗–—·→]/);
    expect(at === -1 ? '' : JSON.stringify(stderr.slice(at - 20, at + 20))).toBe('');
  });

  it('R022 an answer that is too large is not SIP', async () => {
    [status, reason] = ['403', 'A'.repeat(60_000)];
    const { code, stdout, stderr } = await run('register', 'a', '--timeout', '2');
    expect(code).toBe(76);
    expect(stderr).toContain('a datagram that is not SIP: the head is larger than 32768 bytes');
    expectPlain(stdout + stderr, 2_000);
  });

  it('R022 in the log of an agent, its events and its status', async () => {
    [status, reason, rows] = ['503', LONG, [`Warning: 399 pbx "${LONG.slice(0, 2_000)}"`]];
    rows = [...rows, 'Retry-After: 1'];
    reason = LONG.slice(0, 20_000);
    const config = await configOf();
    const scene = agentScene(home, config);
    const global = ['-c', config, '--socket', scene.socket];
    for (const words of [['run'], ['--json', 'run']]) {
      const agent = startSipreg([...global, ...words], { home, timeoutMs: 60_000 });
      try {
        await untilState(scene, 'a', 'waiting');
        const told = await scene.sipreg('status', 'a');
        expectPlain(told.stdout + told.stderr, 6_000);
        const json = await scene.sipreg('--json', 'status', 'a');
        expectPlain(json.stdout + json.stderr, 20_000);
      } finally {
        agent.kill('SIGTERM');
      }
      const { stdout, stderr } = await agent.result;
      const lines = (stdout + stderr).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(4_000);
      expectPlain(stdout + stderr, 100_000);
      for (const line of stdout.split('\n').filter((text) => text !== '')) JSON.parse(line);
    }
  }, 60_000);
});
