// `status`, `refresh`, `pause`, `resume`, `reload` as their users run them, against a control socket whose agent is made up,
// and the commands that give way to the owner of an account.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ControlServer, startControlServer } from '../../src/agent/control/server.ts';
import { failureOf } from '../../src/core/health/verdict.ts';
import { AGENT, accountNamed, type FakeAgent, fakeAgent } from '../agent/control/fake-operations.ts';
import { type Home, runSipreg, startSipreg, temporaryHome } from '../interop/command.ts';
import { isInstalled } from '../interop/installed.ts';
import { CTRL_C, startInTerminal } from './terminal.ts';

let home: Home;
let server: ControlServer | undefined;

beforeEach(async () => {
  home = await temporaryHome();
  server = undefined;
});

afterEach(async () => {
  await server?.close();
  await home.remove();
});

const run = (...args: readonly string[]) => runSipreg(args, { home });
const runtimeSocket = () => join(home.folder, 'run', 'sipreg', 'agent.sock');

async function start(agent: FakeAgent, path = runtimeSocket()): Promise<FakeAgent> {
  const started = await startControlServer({
    path,
    group: null,
    operations: agent.operations,
    notify: () => {},
  });
  if (!started.ok) throw new Error(started.error.message);
  server = started.value;
  return agent;
}

const REFUSED = {
  ...failureOf('connect.refused', '127.0.0.1:9 refused the connection'),
  retryAfter: null,
  at: '2026-11-21T10:00:00.000Z',
};
const DOWN = accountNamed('office', { state: 'waiting', expires: null, failure: REFUSED });

describe('status', () => {
  it('without an agent is 69, with advice', async () => {
    const config = await home.write('a.json', { accounts: {} });
    const result = await run('-c', config, 'status');
    expect(result).toMatchObject({ code: 69, stdout: '' });
    expect(result.stderr).toContain(`no agent is running at ${runtimeSocket()}`);
    expect(result.stderr).toContain('sipreg run');
  });

  it('prints the table, the account in full, or the document', async () => {
    await start(fakeAgent());
    const table = await run('status');
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(
      /^ACCOUNT.*\noffice {3}registered .*tls 192\.0\.2\.7:5061\n1 of 1 registered/,
    );
    expect(table.stdout).not.toContain('\u001b');
    expect((await run('status', 'office')).stdout).toMatch(
      /Call-ID {4}0123456789abcdef\n[\s\S]*it came up\n/,
    );
    const { stdout } = await run('--json', 'status');
    expect(JSON.parse(stdout)).toEqual({
      schema: 'sipreg.accounts/1',
      agent: AGENT,
      accounts: [accountNamed('office')],
    });
  });

  it('of an unknown account is 66, and names the nearest', async () => {
    await start(fakeAgent());
    expect(await run('status', 'offce')).toMatchObject({
      code: 66,
      stderr: expect.stringContaining('"office"'),
    });
  });

  it('tells by its exit code, when asked to, that an account is down', async () => {
    await start(fakeAgent({ accounts: [DOWN, accountNamed('lab', { state: 'paused' })] }));
    expect((await run('status')).code).toBe(0);
    expect((await run('status', '--exit-code')).code).toBe(1);
    expect((await run('status', '--exit-code', 'lab')).code).toBe(0);
  });

  it('finds the socket by option, environment and accounts file', async () => {
    const path = join(home.folder, 'own.sock');
    await start(fakeAgent(), path);
    const config = await home.write('a.json', { accounts: {}, agent: { socket: path } });
    expect((await run('status', '--socket', path)).code).toBe(0);
    expect((await runSipreg(['status'], { home, environment: { SIPREG_SOCKET: path } })).code).toBe(0);
    const named = await run('status', '-c', config);
    expect(named.code).toBe(0);
    expect(named.stderr).toContain(`keeps the accounts of ${AGENT.config}, not of ${config}`);
  });

  it('--watch in a pipe tells events as they happen, and ends with 69 when the agent does', async () => {
    const agent = await start(fakeAgent());
    const watching = startSipreg(['status', '--watch'], { home });
    await watching.waitFor('stdout', /1 of 1 registered/);
    const time = '2026-11-21T10:00:00.000Z';
    agent.emit({
      time,
      severity: 'error',
      type: 'state',
      account: 'office',
      state: 'blocked',
      previous: 'registered',
      snapshot: { ...DOWN, state: 'blocked' },
    });
    await watching.waitFor('stdout', /office {2}blocked/);
    await server?.close();
    expect(await watching.result).toMatchObject({ code: 69, stderr: expect.stringContaining('has ended') });
  });

  it('--watch --json is one object a line, and SIGTERM its proper end', async () => {
    const agent = await start(fakeAgent());
    const watching = startSipreg(['status', '--watch', '--json', '--exit-code'], { home });
    await watching.waitFor('stdout', /\n/);
    const time = '2026-11-21T10:00:00.000Z';
    agent.emit({
      time,
      severity: 'warning',
      type: 'state',
      account: 'office',
      state: 'waiting',
      previous: 'registered',
      snapshot: DOWN,
    });
    await watching.waitFor('stdout', /"previous"/);
    watching.kill('SIGTERM');
    const { code, stdout } = await watching.result;
    const [document, event] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(document).toMatchObject({ schema: 'sipreg.accounts/1', accounts: [{ account: 'office' }] });
    expect(event).toMatchObject({
      time,
      type: 'state',
      account: 'office',
      state: 'waiting',
      failure: REFUSED,
    });
    // What it knew last.
    expect(code).toBe(1);
  });

  it.skipIf(!isInstalled('script'))(
    '--watch on a terminal redraws in place and gives the screen back',
    async () => {
      let accounts = [accountNamed('office')];
      const agent = fakeAgent();
      const snapshot = (name: string) => accounts.find(({ account }) => account === name);
      await start({ ...agent, operations: { ...agent.operations, snapshot } });
      const terminal = startInTerminal('status --watch', home);
      await terminal.waitFor(/\u001b\[\?1049h/);
      await terminal.waitFor(/registered/);
      accounts = [DOWN];
      agent.emit({ time: '2026-11-21T10:00:00.000Z', severity: 'info', type: 'agent', code: 'x', text: 'x' });
      await terminal.waitFor(/\u001b\[H[\s\S]*waiting/);
      terminal.type(CTRL_C);
      expect(await terminal.ended).toBe(0);
      expect(terminal.screen().trimEnd()).toMatch(/\u001b\[\?25h\u001b\[\?1049l$/);
    },
  );
});

describe('commands to the agent', () => {
  it('say what came of it', async () => {
    const agent = await start(fakeAgent());
    const refreshed = await run('refresh', 'office');
    expect(refreshed).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^✓ office {2}registered for 5 min/),
    });
    expect(await run('pause', 'office')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('paused'),
    });
    expect((await run('resume', 'office')).code).toBe(0);
    expect(agent.asked).toEqual(['refresh office', 'pause office', 'resume office']);
  });

  it('fail with the exit code of the verdict, and its words on stderr', async () => {
    await start(fakeAgent({ outcome: () => ({ ok: false, text: 'connect.refused', snapshot: DOWN }) }));
    const result = await run('refresh', 'office', '--json');
    expect(result).toMatchObject({ code: 69, stderr: expect.stringContaining('127.0.0.1:9 refused') });
    expect(JSON.parse(result.stdout)).toEqual({ schema: 'sipreg.accounts/1', accounts: [DOWN] });
  });

  it('that the agent does not carry out are 75, whatever failed before', async () => {
    const snapshot = { ...DOWN, state: 'paused' as const };
    await start(
      fakeAgent({ outcome: () => ({ ok: false, text: 'it is paused: resume it first', snapshot }) }),
    );
    expect(await run('refresh', 'office')).toMatchObject({
      code: 75,
      stderr: '✗ office  not refreshed: it is paused: resume it first\n',
    });
  });

  it('reload: what changed, or 78 with every problem', async () => {
    await start(fakeAgent());
    expect(await run('reload')).toMatchObject({
      code: 0,
      stdout: '✓ reloaded: added new; changed office; 3 unchanged\n',
    });
    await server?.close();
    const report = { added: [], removed: [], changed: [], unchanged: 4 };
    const moving = fakeAgent({ reload: { ok: true, report, warnings: [], reconnected: 2 } });
    await start(moving);
    expect(await run('reload', '--tls')).toMatchObject({
      code: 0,
      stdout: '✓ reloaded: 4 unchanged; 2 moved to renewed TLS files\n',
    });
    expect(moving.asked).toEqual(['reload --tls']);
    await server?.close();
    await start(fakeAgent({ reload: { ok: false, problems: ['/a.json:3:5: accounts.a: wrong'] } }));
    const result = await run('reload');
    expect(result.code).toBe(78);
    expect(result.stderr).toContain('/a.json:3:5: accounts.a: wrong\n');
  });
});

describe('one owner', () => {
  let config: string;

  beforeEach(async () => {
    const nobody = { registrar: 'sip:127.0.0.1:9', password: 'x' };
    config = await home.write('a.json', {
      accounts: {
        office: { aor: 'sip:1@127.0.0.1', ...nobody },
        lab: { aor: 'sip:2@127.0.0.1', ...nobody },
      },
    });
  });

  const owner = (stateDirectory = join(home.folder, 'state', 'sipreg')) =>
    start(fakeAgent({ agent: { stateDirectory } }));

  it('register is refresh, and says so', async () => {
    const agent = await owner();
    const result = await run('-c', config, '--json', 'register', 'office');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain(
      'office belongs to the running agent (process 4711) and is refreshed there',
    );
    expect(JSON.parse(result.stdout)).toEqual({
      schema: 'sipreg.accounts/1',
      accounts: [accountNamed('office')],
    });
    expect(agent.asked).toEqual(['refresh office']);
  });

  it('unregister is pause', async () => {
    const agent = await owner();
    const result = await run('-c', config, 'unregister', 'office');
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('is paused there') });
    expect(agent.asked).toEqual(['pause office']);
  });

  it('unregister --all-bindings pauses first and then asks the registrar', async () => {
    const agent = await owner();
    expect((await run('-c', config, 'unregister', '--all-bindings', 'office')).code).toBe(69);
    expect(agent.asked).toEqual(['pause office']);
  });

  it('register --watch is 75', async () => {
    const agent = await owner();
    const result = await run('-c', config, 'register', '--watch', 'office');
    expect(result).toMatchObject({
      code: 75,
      stderr: expect.stringContaining('belongs to the running agent'),
    });
    expect(agent.asked).toEqual([]);
  });

  it('accounts that are not its own are registered as ever, in one document, in the order given', async () => {
    const agent = await owner();
    const result = await run('-c', config, '--json', 'register', 'lab', 'office');
    // lab is nobody's, and nobody answers it.
    expect(result.code).toBe(69);
    const { accounts } = JSON.parse(result.stdout);
    expect(accounts.map((one: { account: string }) => one.account)).toEqual(['lab', 'office']);
    expect(agent.asked).toEqual(['refresh office']);
  });

  it('an agent with another state directory owns nothing here', async () => {
    const agent = await owner(join(home.folder, 'elsewhere'));
    expect((await run('-c', config, 'register', 'office')).code).toBe(69);
    expect(agent.asked).toEqual([]);
  });
});
