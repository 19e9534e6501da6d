// `sipreg unregister` and `sipreg bindings` against a real Kamailio: they touch what is ours, and nothing else.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountOf } from './account-json.ts';
import { type Home, runSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';

const PASSWORD = 'not a word of it';
const FOREIGN = 'sip:desk@192.0.2.77:5060';

describe.skipIf(!isInstalled('kamailio'))(`removing and listing${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let home: Home;
  let elsewhere: Home;

  beforeAll(async () => {
    const users = ['own', 'never', 'all', 'list', 'moved', 'gone'];
    kamailio = await startKamailio({ users: Object.fromEntries(users.map((user) => [user, PASSWORD])) });
  });

  afterAll(() => kamailio?.stop());

  beforeEach(async () => {
    home = await temporaryHome();
    elsewhere = await temporaryHome();
  });

  afterEach(async () => {
    await home.remove();
    await elsewhere.remove();
  });

  /** Runs `command` for the account of `user`, in `where`. */
  async function sipreg(where: Home, user: string, command: readonly string[], entry: object = {}) {
    const registrar = `sip:127.0.0.1:${kamailio.port}`;
    const config = await where.write('accounts.json', {
      accounts: { a: { aor: `sip:${user}@127.0.0.1`, registrar, password: PASSWORD, ...entry } },
    });
    const result = await runSipreg(['-c', config, ...command], { home: where });
    return { ...result, last: (await kamailio.requests('REGISTER')).at(-1)?.text ?? '' };
  }

  /** Another device of `user`, with a state of its own. */
  async function bindForeign(user: string): Promise<void> {
    const { code } = await sipreg(elsewhere, user, ['register', 'a'], { contact: FOREIGN });
    expect(code).toBe(0);
  }

  it('R125 R127 R128 unregister removes just what register made', async () => {
    await bindForeign('own');
    expect((await sipreg(home, 'own', ['register', 'a'])).code).toBe(0);
    expect(await kamailio.bindings('own')).toHaveLength(2);
    const own = (await kamailio.bindings('own')).find(({ contact }) => contact !== FOREIGN)?.contact;

    const removed = await sipreg(home, 'own', ['--json', 'unregister', 'a']);
    expect(removed.code).toBe(0);
    expect(accountOf(removed)).toMatchObject({
      state: 'unregistered',
      expires: null,
      nextAttempt: null,
      bindings: [{ uri: FOREIGN, own: false }],
      failure: null,
    });
    const [contact] = fieldValues(removed.last, 'Contact');
    expect(contact?.replace(/;\+sip\.instance="<urn:uuid:[-0-9a-f]{36}>";reg-id=1/, '')).toBe(
      `<${own}>;expires=0`,
    );
    expect(fieldValues(removed.last, 'Expires')).toEqual(['0']);
    expect(await kamailio.bindings('own')).toMatchObject([{ contact: FOREIGN }]);

    const registered = await sipreg(home, 'own', ['register', 'a']);
    expect(registered.code).toBe(0);
    const again = await sipreg(home, 'own', ['unregister', 'a']);
    expect(again.stdout).toMatch(/^✓ a {2}unregistered {2}one contact of others left {2}udp /);
    expect(await kamailio.bindings('own')).toHaveLength(1);
  });

  it('unregister of an account that was never registered changes nothing at the registrar', async () => {
    await bindForeign('never');
    expect((await sipreg(home, 'never', ['unregister', 'a'])).code).toBe(0);
    expect(await kamailio.bindings('never')).toMatchObject([{ contact: FOREIGN }]);
  });

  it('R112 R128 --all-bindings removes every binding, with a Contact of * alone and Expires 0', async () => {
    await bindForeign('all');
    expect((await sipreg(home, 'all', ['register', 'a'])).code).toBe(0);
    const removed = await sipreg(home, 'all', ['--json', 'unregister', '--all-bindings', 'a']);
    expect(removed.code).toBe(0);
    expect(accountOf(removed)).toMatchObject({ state: 'unregistered', bindings: [], expires: null });
    expect(fieldValues(removed.last, 'Contact')).toEqual(['*']);
    expect(fieldValues(removed.last, 'Expires')).toEqual(['0']);
    expect(await kamailio.bindings('all')).toEqual([]);
    // Nothing of it is remembered: the next REGISTER has one Contact.
    const next = await sipreg(home, 'all', ['register', 'a']);
    expect(fieldValues(next.last, 'Contact')).toHaveLength(1);
  });

  it('R129 a Contact that has changed takes the place of the old one in the same REGISTER', async () => {
    expect((await sipreg(home, 'moved', ['register', 'a'], { contactUser: 'before' })).code).toBe(0);
    const [old] = await kamailio.bindings('moved');
    const after = await sipreg(home, 'moved', ['register', 'a'], { contactUser: 'after' });
    expect(after.code).toBe(0);
    expect(fieldValues(after.last, 'Contact')).toEqual([
      expect.stringMatching(/^<sip:after@127\.0\.0\.1:\d+>;\+sip\.instance="[^"]+";reg-id=1;expires=3600$/),
      `<${old?.contact}>;expires=0`,
    ]);
    // FreeSWITCH lets this field win over the Contact, and looks at the first Contact only.
    expect(fieldValues(after.last, 'Expires')).toEqual(['3600']);
    expect(await kamailio.bindings('moved')).toMatchObject([
      { contact: expect.stringMatching(/^sip:after@/) },
    ]);
  });

  it('R119 bindings lists all, marks ours, and changes nothing at the registrar or here', async () => {
    await bindForeign('list');
    const registered = accountOf(await sipreg(home, 'list', ['--json', 'register', 'a']));
    const before = await kamailio.bindings('list');
    const stateBefore = await stateFiles(home);
    expect(stateBefore.length).toBeGreaterThan(0);

    const listed = await sipreg(home, 'list', ['--json', 'bindings', 'a']);
    expect(listed.code).toBe(0);
    const account = accountOf(listed);
    expect(account.bindings).toHaveLength(2);
    expect(account.bindings.find(({ own }) => own)?.uri).toBe(
      registered.bindings.find(({ own }) => own)?.uri,
    );
    expect(account.bindings.find(({ own }) => !own)?.uri).toBe(FOREIGN);
    expect(fieldValues(listed.last, 'Contact')).toEqual([]);
    expect(fieldValues(listed.last, 'Expires')).toEqual([]);
    expect(fieldValues(listed.last, 'Call-ID')).not.toEqual([registered.callId]);

    expect(await stateFiles(home)).toEqual(stateBefore);
    const facts = ({ contact, callId, cseq }: (typeof before)[number]) => ({ contact, callId, cseq });
    expect((await kamailio.bindings('list')).map(facts)).toEqual(before.map(facts));

    const words = await sipreg(home, 'list', ['bindings', 'a']);
    expect(words.stdout).toMatch(/^a {2}sip:list@127\.0\.0\.1 {2}2 bindings\n/);
    expect(words.stdout).toMatch(
      /^ {2}\* sip:list@127\.0\.0\.1:\d+ +59 min 5\d s left {2}ours$|1 h left {2}ours/m,
    );
    expect(words.stdout).toContain(FOREIGN);
  });

  it('R119 bindings of an account with none says so, and makes no state', async () => {
    const listed = await sipreg(home, 'gone', ['bindings', 'a']);
    expect(listed).toMatchObject({
      code: 0,
      stdout: 'a  sip:gone@127.0.0.1  nothing is bound\n',
      stderr: '',
    });
    expect(await readdir(home.folder)).toEqual(['accounts.json', 'run']);
    const json = await sipreg(home, 'gone', ['bindings', 'a', '--json']);
    expect(accountOf(json)).toMatchObject({ state: 'unregistered', bindings: [] });
  });

  it('tells a wrong password in unregister and bindings too', async () => {
    for (const command of [
      ['unregister', 'a'],
      ['bindings', 'a'],
      ['unregister', '--all-bindings', 'a'],
    ]) {
      const result = await sipreg(home, 'gone', command, { password: 'wrong' });
      expect(result.code).toBe(77);
      expect(result.stderr).toContain('auth.rejected');
    }
  });
});

/** Name, content and time of every file that sipreg keeps in `home`. */
async function stateFiles(home: Home): Promise<readonly unknown[]> {
  const folder = join(home.environment.XDG_STATE_HOME ?? '', 'sipreg');
  const names = (await readdir(folder)).sort();
  return await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return { name, content: await readFile(path, 'utf8'), changedMs: (await stat(path)).mtimeMs };
    }),
  );
}
