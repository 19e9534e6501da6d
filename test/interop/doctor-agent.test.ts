// `sipreg doctor` beside an agent that keeps the account: it asks the agent, does not disturb it, and never sends credentials
// that were rejected before.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentScene, agentScene, untilState } from './agent-scene.ts';
import { type Home, type RunningCommand, runSipreg } from './command.ts';
import { boundAt, type DoctorReport, openDoctorScene, registersOf, reportOf } from './doctor-scene.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues, type Kamailio, startKamailio } from './kamailio.ts';

const USERS = { agent: 'pass-agent', nobody: 'other' };
const { homeOf, close } = openDoctorScene();

describe.skipIf(!isInstalled('kamailio'))(`doctor beside an agent${missingPrograms('kamailio')}`, () => {
  let kamailio: Kamailio;
  let scene: AgentScene;
  let agent: RunningCommand;
  let home: Home;
  let other: string;

  beforeAll(async () => {
    kamailio = await startKamailio({ users: USERS });
    const at = { registrar: `sip:127.0.0.1:${kamailio.port}`, transport: 'tcp' };
    const well = { ...at, aor: 'sip:agent@127.0.0.1', password: USERS.agent, expires: 300 };
    const retry = { credentialAttempts: 1 };
    const wrong = { ...at, aor: 'sip:nobody@127.0.0.1', password: 'hunter2', retry };
    const made = await homeOf({ a: well, wrong });
    home = made.home;
    other = await home.write('other.json', { accounts: { b: well } });
    scene = agentScene(home, made.config);
    agent = await scene.start();
  });
  afterAll(async () => {
    await close();
    await kamailio?.stop();
  });

  const doctorOf = async (...args: readonly string[]): Promise<DoctorReport> =>
    reportOf(await scene.sipreg('--json', 'doctor', ...args));

  /** The report of the account `wrong`: its credentials were rejected before and are not sent again. */
  async function reportOfRejected(): Promise<DoctorReport> {
    const sent = (await registersOf(kamailio, 'nobody')).length;
    const report = await doctorOf('wrong');
    expect(report.code).toBe(1);
    const asked = (await registersOf(kamailio, 'nobody')).slice(sent);
    expect(asked.map((text) => fieldValues(text, 'Authorization'))).toEqual([[]]);
    return report;
  }

  it('takes from it what only it knows, and leaves it as it is', async () => {
    const { callId, cseq, local } = await untilState(scene, 'a', 'registered');
    const bound = await boundAt(kamailio, 'agent');
    const { code, failing, fact } = await doctorOf('a');
    expect({ code, failing }).toEqual({ code: 0, failing: [] });
    expect(fact('agent.state')?.text).toMatch(/^agent \d+: registered since/);
    expect(fact('agent.uptime')?.mark).toBe('ok');
    expect(fact('expires.granted')?.text).toMatch(/^5 min \(/);
    expect(fact('nat.contact')?.mark).toBe('ok');
    expect(fact('bindings.own')?.text).toContain(bound[0]?.contact);
    expect(await scene.account('a')).toMatchObject({ state: 'registered', callId, cseq, local });
    expect(await boundAt(kamailio, 'agent')).toEqual(bound);
  });

  it('sends no credentials that the agent holds for rejected', async () => {
    await untilState(scene, 'wrong', 'blocked');
    const { failing } = await reportOfRejected();
    expect(failing).toEqual(['agent.state auth.rejected', 'auth.credentials auth.rejected']);
  });

  it('finds out that the registrar has forgotten us, and that an operator paused us', async () => {
    await kamailio.forget('agent');
    const forgotten = await doctorOf('a');
    expect(forgotten).toMatchObject({ code: 1, failing: ['bindings.own register.forgotten'] });
    await scene.sipreg('pause', 'a');
    const paused = await doctorOf('a');
    expect(paused.code).toBe(0);
    expect(paused.fact('agent.state')).toMatchObject({
      mark: 'warn',
      text: expect.stringContaining('paused'),
    });
  });

  it('says that the agent has other accounts, or was killed; and a rejection outlives it', async () => {
    const stranger = ['-c', other, '--socket', scene.socket, '--json', 'doctor', 'b', '--no-register'];
    const unknown = reportOf(await runSipreg(stranger, { home }));
    expect(unknown.fact('agent.state')).toMatchObject({
      mark: 'warn',
      text: expect.stringContaining('does not keep'),
    });
    agent.kill('SIGKILL');
    await agent.result;
    const orphaned = await doctorOf('a', '--no-register');
    expect(orphaned.fact('agent.state')).toMatchObject({
      mark: 'warn',
      text: expect.stringContaining('it was killed'),
    });
    // The state directory remembers it.
    expect((await reportOfRejected()).failing).toEqual(['auth.credentials auth.rejected']);
  });
});
