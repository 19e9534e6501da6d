import { PassThrough } from 'node:stream';
import { describe, onTestFinished as END, expect, it } from 'vitest';
import type { AgentEvent } from '../../src/agent/events.ts';
import { glanceOf, instantOf, keptEvent } from '../../src/agent/events.ts';
import { openHistory } from '../../src/agent/history.ts';
import { noteEvent } from '../../src/agent/history-events.ts';
import { createAgentLog } from '../../src/agent/log/log.ts';
import { StateChange } from '../../src/agent/state-change.ts';
import { accountOf, entryAt, memberOf, openRegistrar, openScene, untilState } from './supervisor-scene.ts';

/** What an account that registers and refreshes tells. */
async function toldOfRefresh(): Promise<readonly AgentEvent[]> {
  const registrar = await openRegistrar(END);
  const scene = await openScene(END);
  await scene.write({ a: entryAt(registrar, 'alice') });
  const { supervisor, events } = await scene.supervise();
  await untilState(supervisor, 'registered', 'a');
  const outcome = supervisor.nextOutcome(accountOf(supervisor, 'a'));
  supervisor.engine.request(accountOf(supervisor, 'a'), { type: 'roundRequested', goal: 'register' });
  await outcome;
  expect(memberOf(supervisor, 'a').state).toBe('registered');
  return events;
}

describe('a change of state', () => {
  it('is told for each step of a registration and of a refresh, which is a detail', async () => {
    const events = await toldOfRefresh();
    const steps = events.flatMap((event) =>
      event.type === 'state' ? [`${event.previous} ${event.state} ${event.severity}`] : [],
    );
    expect(steps).toEqual([
      'unregistered registering info',
      'registering registered info',
      'registered refreshing debug',
      'refreshing registered debug',
    ]);
  });

  it('is as JSON what it is as an event, and is judged by the same', async () => {
    const last = (await toldOfRefresh()).at(-1);
    if (!(last instanceof StateChange)) throw new Error('it ends with a change of state');
    const read: AgentEvent = JSON.parse(JSON.stringify(last));
    expect(Object.keys(read).join(' ')).toBe('time severity account state previous type snapshot');
    expect(read).toEqual(JSON.parse(JSON.stringify(keptEvent(last))));
    if (read.type !== 'state') throw new Error('its type is kept');
    expect(instantOf(last)).toBe(instantOf(read));
    const { target, expires, ...glance } = glanceOf(last);
    expect(glanceOf(read)).toMatchObject(glance);
    expect(read.snapshot.target).toMatchObject({ address: target?.address, port: target?.port });
    expect(read.snapshot.expires).toMatchObject({ ...expires });
  });

  it('of a refresh that changes nothing is judged by log and history without a snapshot', async () => {
    const registrar = await openRegistrar(END);
    const scene = await openScene(END);
    await scene.write({ a: entryAt(registrar, 'alice') });
    const { supervisor, events } = await scene.supervise();
    await untilState(supervisor, 'registered', 'a');
    const lines = new PassThrough().setEncoding('utf8');
    const theme = { good: String, bad: String, caution: String, strong: String, faint: String };
    const log = createAgentLog({ json: false, verbosity: 0, theme, stdout: lines, stderr: lines, env: {} });
    END(async () => log.close());
    const history = openHistory({ directory: null, accounts: 1, notify: () => {} });
    const tell = (event: AgentEvent): void => {
      log.tell(event);
      noteEvent(history, event);
    };
    for (const event of events) tell(event);
    const account = accountOf(supervisor, 'a');
    const { report } = account.lifecycle;
    const unseen = Object.defineProperty({ ...report }, 'bindings', {
      get: () => {
        throw new Error('a snapshot is made');
      },
    });
    account.lifecycle = { ...account.lifecycle, report: unseen };
    tell(new StateChange('a', 'registered', 'refreshing', account, []));
    const refreshed = new StateChange('a', 'refreshing', 'registered', account, []);
    tell(refreshed);
    expect(() => refreshed.snapshot).toThrow('a snapshot is made');
    account.lifecycle = { ...account.lifecycle, report };
    expect(history.recent('a').roundTrips).toHaveLength(1);
    expect(String(lines.read()).match(/ {2}registered /g)).toHaveLength(1);
  });
});
