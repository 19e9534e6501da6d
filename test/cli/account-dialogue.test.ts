// `sipreg account add` in a real terminal: it asks, shows no password, and tries the account at once.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Home, temporaryHome } from '../interop/command.ts';
import { isInstalled, missingPrograms } from '../interop/installed.ts';
import { fieldValues } from '../interop/kamailio.ts';
import { type PlainServer, responseTo, startUdpServer } from '../interop/plain-server.ts';
import { CTRL_C, CTRL_D, ENTER, startInTerminal, type TerminalCommand } from './terminal.ts';

const PASSWORD = 'do-not-echo-42';

describe.skipIf(!isInstalled('script'))(`account add in a terminal${missingPrograms('script')}`, () => {
  let home: Home;
  let registrar: PlainServer;

  beforeEach(async () => {
    home = await temporaryHome();
    registrar = await startUdpServer((request) =>
      fieldValues(request, 'Authorization').length > 0
        ? responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`)
        : responseTo(
            request,
            '401 Unauthorized',
            'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"',
          ),
    );
  });

  afterEach(async () => {
    await registrar.stop();
    await home.remove();
  });

  const storePath = () => join(home.folder, 'config/sipreg/accounts.json');

  /** Answers the questions as a person does, up to the last one. */
  async function answer(terminal: TerminalCommand, added = /added to .*accounts\.json/): Promise<void> {
    await terminal.waitFor(/SIP server \(name or address\): /);
    terminal.type(ENTER);
    // An empty answer is asked again.
    await terminal.waitFor(/SIP server \(name or address\): /);
    terminal.type(`127.0.0.1:${registrar.port}${ENTER}`);
    await terminal.waitFor(/User \(or the whole sip: address\): /);
    terminal.type(`alice${ENTER}`);
    await terminal.waitFor(/Password: /);
    terminal.type(PASSWORD + ENTER);
    await terminal.waitFor(added);
    await terminal.waitFor(/Try it now\? \[Y\/n\]: /);
  }

  it('asks for server, user and password, and registers at once', async () => {
    const terminal = startInTerminal('account add desk', home);
    await answer(terminal);
    expect(registrar.requests).toEqual([]);
    terminal.type(ENTER);
    await terminal.waitFor(/registered.* for 1 h/);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).not.toContain(PASSWORD);
    expect(terminal.screen()).toContain('alice');
    expect(registrar.requests).toHaveLength(2);
    expect(fieldValues(registrar.requests[1] ?? '', 'To')).toEqual(['<sip:alice@127.0.0.1>']);
    expect(JSON.parse(await readFile(storePath(), 'utf8')).accounts.desk).toEqual({
      aor: 'sip:alice@127.0.0.1',
      registrar: `sip:127.0.0.1:${registrar.port}`,
      password: PASSWORD,
    });
  });

  it('asks again for what is no server, and asks nothing for a name that is taken', async () => {
    const terminal = startInTerminal('account add desk', home);
    await terminal.waitFor(/SIP server \(name or address\): /);
    terminal.type(`bad host!${ENTER}`);
    await terminal.waitFor(/"bad host!" is no SIP server: [\s\S]*SIP server \(name or address\): /);
    terminal.type(`127.0.0.1:${registrar.port}${ENTER}`);
    await terminal.waitFor(/User \(or the whole sip: address\): /);
    terminal.type(`sip:a b${ENTER}`);
    await terminal.waitFor(/"sip:a b" is no SIP user: [\s\S]*User \(or the whole sip: address\): /);
    terminal.type(`alice${ENTER}`);
    await terminal.waitFor(/Password: /);
    terminal.type(ENTER);
    await terminal.waitFor(/Try it now/);
    terminal.type(`n${ENTER}`);
    expect(await terminal.ended).toBe(0);

    const again = startInTerminal('account add desk', home);
    expect(await again.ended).toBe(64);
    expect(again.screen()).toMatch(/there is already an account "desk" in/);
    expect(again.screen()).not.toContain('SIP server');
  });

  it('takes no for an answer', async () => {
    const terminal = startInTerminal('account add desk', home);
    await answer(terminal);
    terminal.type(`n${ENTER}`);
    await terminal.waitFor(/sipreg register desk/);
    expect(await terminal.ended).toBe(0);
    expect(registrar.requests).toEqual([]);
  });

  it('says where the account is when it did not register', async () => {
    await registrar.stop();
    registrar = await startUdpServer((request) => responseTo(request, '404 Not Found'));
    const terminal = startInTerminal('-c my.json account add desk', home);
    await answer(terminal, /added to .*my\.json/);
    terminal.type(ENTER);
    expect(await terminal.ended).toBe(75);
    expect(terminal.screen()).toMatch(
      /desk stays in the accounts file: .*"sipreg -c my\.json account remove desk" and add it anew/,
    );
  });

  it('asks only for what it was not told', async () => {
    const terminal = startInTerminal(
      `account add desk --server 127.0.0.1:${registrar.port} --user bob`,
      home,
    );
    await terminal.waitFor(/Password: /);
    terminal.type(ENTER);
    await terminal.waitFor(/Try it now/);
    terminal.type(`n${ENTER}`);
    expect(await terminal.ended).toBe(0);
    expect(terminal.screen()).not.toMatch(/SIP server|User \(/);
    // An empty password is valid.
    expect(JSON.parse(await readFile(storePath(), 'utf8')).accounts.desk.password).toBe('');
  });

  it.each([
    ['Ctrl-C', CTRL_C, 130],
    ['Ctrl-D', CTRL_D, 64],
  ] as const)('%s at a question ends it in words, and nothing is written', async (_, key, code) => {
    for (const question of [/SIP server.*: /, /Password: /]) {
      const told = question.source.startsWith('Password') ? ' --server a.test --user b' : '';
      const terminal = startInTerminal(`account add desk${told}`, home);
      await terminal.waitFor(question);
      terminal.type(key);
      expect(await terminal.ended).toBe(code);
      expect(terminal.screen()).toMatch(/\nsipreg: (?:interrupted|the input ended)/);
      expect(terminal.screen()).not.toMatch(/a bug in sipreg/);
      await expect(stat(storePath())).rejects.toThrow(/ENOENT/);
    }
  });

  it.each([80, 0])(
    'ends with the verdict, and a spinner while it waits, with %i columns',
    async (columns) => {
      await registrar.stop();
      registrar = await startUdpServer(() => null);
      await home.write('accounts.json', {
        accounts: { desk: { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${registrar.port}` } },
      });
      const terminal = startInTerminal('-c accounts.json register desk --timeout 1', home, {}, columns);
      expect(await terminal.ended).toBe(69);
      const screen = terminal.screen();
      expect(screen).toMatch(/register\.timeout[\s\S]*advice/);
      // A terminal that does not know its width gets none.
      expect(screen.includes('registering desk')).toBe(columns > 0);
      // Whoever hides the cursor shows it again.
      expect(screen.lastIndexOf('\u001b[?25h')).toBeGreaterThanOrEqual(screen.lastIndexOf('\u001b[?25l'));
    },
  );
});
