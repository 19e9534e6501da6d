import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { reload } from '../../src/agent/reload.ts';
import { fieldValues } from '../interop/kamailio.ts';
import { responseTo, startUdpServer } from '../interop/plain-server.ts';
import {
  accountOf,
  answered,
  entryAt,
  openRegistrar,
  openScene,
  until,
  untilState,
} from './supervisor-scene.ts';

const END = onTestFinished;

describe('a reload', () => {
  it('sends nothing for accounts that are as they were', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    const before = [accountOf(supervisor, 'a'), accountOf(supervisor, 'b')];
    const packets = registrar.events().length;

    await scene.write({ b: entryAt(registrar, 'bob'), a: entryAt(registrar, 'alice') });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toEqual({
      ok: true,
      report: { added: [], removed: [], changed: [], unchanged: 2 },
      warnings: [],
    });
    expect([accountOf(supervisor, 'a'), accountOf(supervisor, 'b')]).toEqual(before);
    expect([...supervisor.members.byName.keys()]).toEqual(['b', 'a']);
    expect(registrar.events()).toHaveLength(packets);
  });

  it('registers a changed account with one REGISTER of the same Call-ID', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const [first] = registrar.bindings('alice');
    const packets = answered(registrar).length;

    await scene.write({ a: entryAt(registrar, 'alice', { expires: 600 }) });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ ok: true, report: { changed: ['a'] }, warnings: [] });
    const sent = answered(registrar).slice(packets);
    // The settings may be others for whom the registrar is, too: so the kept nonce is not used, and it is challenged.
    expect(sent.map(({ status }) => status)).toEqual([401, 200]);
    expect(registrar.bindings('alice')).toHaveLength(1);
    expect(registrar.bindings('alice')[0]).toMatchObject({ callId: first?.callId, uri: first?.uri });
    expect(registrar.bindings('alice')[0]?.secondsLeft).toBeLessThanOrEqual(600);
  });

  it('registers a changed AOR before it removes the old one, each with its own identity', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const [old] = registrar.bindings('alice');

    await scene.write({ a: entryAt(registrar, 'bob') });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ ok: true, warnings: [] });
    expect(registrar.bindings('alice')).toEqual([]);
    expect(registrar.bindings('bob')).toHaveLength(1);
    expect(registrar.bindings('bob')[0]?.callId).not.toBe(old?.callId);
    const done = answered(registrar).filter(({ status }) => status === 200);
    expect(done.map(({ to, callId }) => [to?.slice(0, 10), callId === old?.callId])).toEqual([
      ['<sip:alice', true],
      ['<sip:bob@1', false],
      ['<sip:alice', true],
    ]);
  });

  it('un-registers a removed account and forgets it', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    await scene.write({ b: entryAt(registrar, 'bob') });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ ok: true, report: { removed: ['a'], unchanged: 1 } });
    expect(registrar.bindings('alice')).toEqual([]);
    expect(registrar.bindings('bob')).toHaveLength(1);
    expect(supervisor.detail('a')).toBeUndefined();
    expect([...supervisor.members.byName.keys()]).toEqual(['b']);
  });

  it('un-registers what is disabled, and registers what is enabled again', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    await scene.write({ a: entryAt(registrar, 'alice', { enabled: false }) });
    const disabled = await reload(supervisor, loaded);
    expect(registrar.bindings('alice')).toEqual([]);
    expect(supervisor.snapshot('a')).toMatchObject({ account: 'a', state: 'disabled' });
    expect(supervisor.members.count()).toEqual({ registered: 0, enabled: 0 });
    await scene.write({ a: entryAt(registrar, 'alice', { enabled: true }) });
    await reload(supervisor, disabled.loaded);
    expect(registrar.bindings('alice')).toHaveLength(1);
    expect(accountOf(supervisor, 'a').lifecycle.state).toBe('registered');
  });

  it('adds accounts and waits for their first outcome', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await scene.write({
      a: entryAt(registrar, 'alice'),
      b: entryAt(registrar, 'bob'),
      c: entryAt(registrar, 'carol', { password: 'wrong' }),
    });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({
      ok: true,
      report: { added: ['b', 'c'] },
      warnings: [expect.stringMatching(/^c: /)],
    });
    expect(registrar.bindings('bob')).toHaveLength(1);
  });

  it('does not wait for an account that has no outcome: its secret is not there', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const password = { file: join(scene.directory, 'nowhere') };
    await scene.write({
      a: entryAt(registrar, 'alice', { password }),
      b: entryAt(registrar, 'bob', { password }),
    });
    const startedAt = performance.now();
    const { outcome } = await reload(supervisor, loaded);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(outcome).toMatchObject({
      ok: true,
      warnings: [expect.stringMatching(/^b: .*nowhere/), expect.stringMatching(/^a: .*nowhere/)],
    });
  });

  it('does not wait for an account that begins blocked or paused', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const blocked = entryAt(registrar, 'alice', { password: 'wrong', retry: { credentialAttempts: 1 } });
    await scene.write({ a: blocked, b: entryAt(registrar, 'bob') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'blocked', 'a');
    await scene.write({ a: { ...blocked, enabled: false }, b: entryAt(registrar, 'bob') });
    const without = await reload(supervisor, loaded);
    const packets = answered(registrar).length;
    await scene.write({ a: blocked, b: entryAt(registrar, 'bob') });
    const startedAt = performance.now();
    const { outcome } = await reload(supervisor, without.loaded);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(outcome).toMatchObject({ ok: true, warnings: [expect.stringMatching(/^a: .*blocked/)] });
    expect(answered(registrar)).toHaveLength(packets);
  });

  it('takes the other settings over also when the new secret comes later', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const file = join(scene.directory, 'later');
    await scene.write({ a: entryAt(registrar, 'alice', { password: { file }, expires: 600 }) });
    await reload(supervisor, loaded);
    expect(registrar.bindings('alice')[0]?.secondsLeft).toBeGreaterThan(3_000);
    await writeFile(file, 'first');
    await supervisor.secretsTouched(accountOf(supervisor, 'a'));
    await untilState(supervisor, 'registered', 'a');
    expect(registrar.bindings('alice')).toHaveLength(1);
    expect(registrar.bindings('alice')[0]?.secondsLeft).toBeLessThanOrEqual(600);
  });

  it('says why a binding could not be removed', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a', 'b');
    await registrar.close();
    await scene.write({ b: entryAt(registrar, 'bob') });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({
      ok: true,
      warnings: ['a: its old binding could not be removed; it stays until it ends'],
    });
  });

  it('keeps the binding of an account that only gets another name', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ before: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'before');
    await scene.write({ after: entryAt(registrar, 'alice') });
    await reload(supervisor, loaded);
    expect(accountOf(supervisor, 'after').lifecycle.state).toBe('registered');
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('keeps the binding of an account whose registrar is only spelled otherwise', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const at = `sip:127.0.0.1:${registrar.ports.udp};transport=udp`;
    await scene.write({ a: { ...entryAt(registrar, 'alice'), registrar: at } });
    await reload(supervisor, loaded);
    expect(accountOf(supervisor, 'a').lifecycle.state).toBe('registered');
    expect(registrar.bindings('alice')).toHaveLength(1);
  });

  it('changes nothing for a file that is wrong, and names file and line', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const path = await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const packets = registrar.events().length;
    await scene.write({ b: entryAt(registrar, 'bob'), c: { aor: 'sip:c@127.0.0.1', expirs: 5 } });
    const wrong = await reload(supervisor, loaded);
    expect(wrong.loaded).toBe(loaded);
    expect(wrong.outcome).toEqual({ ok: false, problems: [expect.stringMatching(/accounts\.json:\d+/)] });
    await writeFile(path, '{ "accounts": ');
    const broken = await reload(supervisor, loaded);
    expect(broken.outcome).toEqual({ ok: false, problems: [expect.stringMatching(/accounts\.json:1/)] });
    expect(supervisor.snapshot('a')).toMatchObject({ state: 'registered' });
    expect(registrar.events()).toHaveLength(packets);
  });

  it('says that the settings of the agent wait for the next start', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, loaded } = await scene.supervise();
    await scene.write({ a: entryAt(registrar, 'alice') }, { agent: { pacing: 5 } });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ ok: true, warnings: [expect.stringMatching(/"agent".*next start/)] });
  });

  it('says so at each reload, until they are again what is in effect', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    const accounts = { a: entryAt(registrar, 'alice') };
    await scene.write(accounts);
    const { supervisor, loaded } = await scene.supervise();
    await scene.write(accounts, { agent: { pacing: 5 } });
    const changed = await reload(supervisor, loaded, loaded);
    const again = await reload(supervisor, changed.loaded, loaded);
    expect(again.outcome).toMatchObject({ warnings: [expect.stringMatching(/next start/)] });
    await scene.write(accounts);
    const back = await reload(supervisor, again.loaded, loaded);
    expect(back.outcome).toMatchObject({ ok: true, warnings: [] });
  });

  it('leaves accounts alone that were not asked for', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice'), b: entryAt(registrar, 'bob') });
    const { supervisor, loaded } = await scene.supervise({ only: ['a'] });
    await untilState(supervisor, 'registered', 'a');
    await scene.write({ a: entryAt(registrar, 'alice'), c: entryAt(registrar, 'carol') });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ report: { added: [], removed: [], changed: [], unchanged: 1 } });
    expect([...supervisor.members.byName.keys()]).toEqual(['a']);
  });

  it('waits for a REGISTER that is under way before it changes the account', async () => {
    // Silent at first, so that the reload finds the first REGISTER without an answer.
    const registrar = await startUdpServer((request, index) =>
      index === 0 ? null : responseTo(request, '200 OK', `Contact: ${fieldValues(request, 'Contact')[0]}`),
    );
    END(registrar.stop);
    const scene = await openScene(END);
    const at = { registrar: `sip:127.0.0.1:${registrar.port}`, transport: 'udp' };
    await scene.write({ a: { aor: 'sip:alice@127.0.0.1', ...at } });
    const { supervisor, loaded } = await scene.supervise();
    await until(
      () => registrar.requests.length === 1,
      () => 'a REGISTER came',
    );
    await scene.write({ a: { aor: 'sip:alice@127.0.0.1', ...at, expires: 600 } });
    const { outcome } = await reload(supervisor, loaded);
    expect(outcome).toMatchObject({ ok: true, warnings: [] });
    // Between the two, empty datagrams may look whether somebody is there.
    const registers = registrar.requests.filter((request) => request.startsWith('REGISTER'));
    const cseqs = registers.map((request) => fieldValues(request, 'CSeq')[0]);
    // The first, its retransmission, and only after that was answered the changed one.
    expect(cseqs).toEqual(['1 REGISTER', '1 REGISTER', '2 REGISTER']);
    expect(fieldValues(registers[2] ?? '', 'Expires')).toEqual(['600']);
  });
});
