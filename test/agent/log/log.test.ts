import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentEvent } from '../../../src/agent/events.ts';
import type { LogTheme } from '../../../src/agent/log/formats.ts';
import { type AgentLog, createAgentLog } from '../../../src/agent/log/log.ts';
import { failureEvent, failureSnapshot, isoAt, registeredEvent, snapshotOf, stateEvent } from './events.ts';

const marked = (mark: string) => (text: string) => `{${mark} ${text}}`;
const PLAIN: LogTheme = {
  good: (text) => text,
  bad: (text) => text,
  caution: (text) => text,
  strong: (text) => text,
  faint: (text) => text,
};
const COLORED: LogTheme = {
  good: marked('good'),
  bad: marked('bad'),
  caution: marked('caution'),
  strong: marked('strong'),
  faint: marked('faint'),
};

/** Everything that is written, as text. */
class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

type Opened = { readonly log: AgentLog; readonly stdout: Collector; readonly stderr: Collector };

function open(options: { json?: boolean; verbosity?: number; theme?: LogTheme } = {}): Opened {
  const stdout = new Collector();
  const stderr = new Collector();
  const { json = false, verbosity = 0, theme = PLAIN } = options;
  return { stdout, stderr, log: createAgentLog({ json, verbosity, theme, stdout, stderr, env: {} }) };
}

function warning(text: string, account: string | null = 'office'): AgentEvent {
  return { time: isoAt(0), severity: 'warning', type: 'warning', account, code: 'test.warning', text };
}

let timeZone: string | undefined;
beforeEach(() => {
  timeZone = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
});
afterEach(() => {
  if (timeZone === undefined) delete process.env.TZ;
  else process.env.TZ = timeZone;
});

describe('for people', () => {
  it('says what happened, why, what happens next and when, and what to do', () => {
    const { log, stderr, stdout } = open();
    log.tell(failureEvent('office', 'connect.refused', 265_000));
    log.close();
    expect(stderr.lines).toEqual([
      '2026-11-21T14:04:25+01:00  office  waiting       connect.refused: 192.0.2.7:5061 refused the connection; ' +
        'tried again in 45 s (14:05:10+01:00); check port and transport, and whether the SIP server runs',
    ]);
    expect(stdout.text).toBe('');
  });

  it('says of a registration for how long and why, where, the round trip and the refresh', () => {
    const { log, stderr } = open();
    log.tell(registeredEvent('office', 0));
    expect(stderr.lines).toEqual([
      "2026-11-21T14:00:00+01:00  office  registered    for 5 min (by our contact's expires, found by URI, 1 h asked), " +
        'tls 192.0.2.7:5061, 34 ms; refreshed in 4 min 20 s (14:04:20+01:00)',
    ]);
    log.close();
  });

  it('says of the way back how long it took and what it took', () => {
    const { log, stderr } = open();
    log.tell(failureEvent('office', 'connect.refused', 0));
    log.tell(failureEvent('office', 'connect.refused', 50_000));
    log.tell(registeredEvent('office', 95_000));
    log.close();
    expect(stderr.lines).toHaveLength(2);
    expect(stderr.lines[1]).toContain(
      'office  registered    again after 0 s, 2 attempts failed since 14:00:00+01:00 (the last: connect.refused); for 5 min',
    );
  });

  it('says who will not be tried again until something changes', () => {
    const { log, stderr } = open();
    const failure = failureSnapshot('auth.no-algorithm', 0, 'only MD4 is offered');
    log.tell(stateEvent('office', 'blocked', 0, { failure }));
    log.tell(failureEvent('lab', 'internal.bug', 0, { nextAttempt: null }));
    log.close();
    expect(stderr.lines[0]).toContain(
      'blocked       auth.no-algorithm: only MD4 is offered; not tried again until the secret or the account changes; set the',
    );
    expect(stderr.lines[1]).toContain('; not tried again until the account changes; please report it');
  });

  it('tells the agent itself, a reload and a warning', () => {
    const { log, stderr } = open();
    log.tell({ time: isoAt(0), severity: 'notice', type: 'agent', code: 'agent.started', text: 'as 12' });
    log.tell({ time: isoAt(0), severity: 'notice', type: 'reload', ok: true, text: 'added a', report: null });
    log.tell({
      time: isoAt(0),
      severity: 'error',
      type: 'reload',
      ok: false,
      text: 'a.json:1:1: is empty',
      report: null,
    });
    log.tell(warning('the binding lapses'));
    log.close();
    expect(stderr.lines.map((line) => line.slice(27))).toEqual([
      'sipreg  agent.started  as 12',
      'sipreg  reload        added a',
      'sipreg  reload        nothing was changed: a.json:1:1: is empty',
      'office  warning       test.warning: the binding lapses',
    ]);
  });

  it('takes its colours from the theme alone', () => {
    const { log, stderr } = open({ theme: COLORED });
    log.tell(registeredEvent('office', 0));
    log.tell(failureEvent('lab', 'connect.refused', 0));
    log.tell(failureEvent('spare', 'auth.rejected', 0, { severity: 'error', state: 'blocked' }));
    log.close();
    const stamp = '{faint 2026-11-21T14:00:00+01:00}';
    expect(stderr.lines[0]).toMatch(`${stamp}  {strong office}  {good registered  }  for 5 min`);
    expect(stderr.lines[1]).toMatch(`${stamp}  {strong lab}  {caution waiting     }  connect.refused`);
    expect(stderr.lines[2]).toMatch(`${stamp}  {strong spare}  {bad blocked     }  auth.rejected`);
  });

  it('tells warnings alone with -q, details with -v, and messages with -vv', () => {
    const events: readonly AgentEvent[] = [
      warning('w'),
      registeredEvent('office', 0),
      stateEvent('office', 'refreshing', 0, {}, 'registered'),
      {
        time: isoAt(0),
        severity: 'debug',
        type: 'message',
        account: null,
        direction: 'sent',
        transport: 'udp',
        local: { address: '192.0.2.50', port: 40112 },
        remote: { address: '2001:db8::7', port: 5060 },
        text: 'REGISTER sip:pbx SIP/2.0\r\nCSeq: 1 REGISTER\r\n',
      },
    ];
    const shown = [-1, 0, 1, 2].map((verbosity) => {
      const { log, stderr } = open({ verbosity });
      for (const event of events) log.tell(event);
      log.close();
      return stderr.lines;
    });
    expect(shown.map((lines) => lines.length)).toEqual([1, 2, 3, 7]);
    expect(shown[2]?.[2]).toBe('2026-11-21T14:00:00+01:00  office  refreshing');
    expect(shown[3]?.slice(3)).toEqual([
      '---> udp [2001:db8::7]:5060 (from 192.0.2.50:40112)',
      'REGISTER sip:pbx SIP/2.0',
      'CSeq: 1 REGISTER',
      '',
    ]);
  });

  it('makes one line of what a thousand accounts have in common, and keeps each for -v', () => {
    const shown = [0, 1].map((verbosity) => {
      const { log, stderr } = open({ verbosity });
      for (let index = 0; index < 1000; index++) log.tell(failureEvent(`a${index}`, 'connect.refused', 0));
      log.close();
      return stderr.lines;
    });
    expect(shown.map((lines) => lines.length)).toEqual([6, 1001]);
    expect(shown[0]?.[5]).toBe(
      '2026-11-21T14:00:00+01:00  sipreg  waiting       995 more accounts (a5, a6, a7, …) within 5 s: connect.refused ' +
        'at sip:pbx.example.com, the last: 192.0.2.7:5061 refused the connection; the first is tried again in 45 s (14:00:45+01:00)',
    );
  });

  it('says when a thousand accounts are registered, and again', () => {
    const { log, stderr } = open();
    for (let index = 0; index < 1000; index++) log.tell(registeredEvent(`a${index}`, 0));
    log.close();
    expect(stderr.lines).toHaveLength(6);
    expect(stderr.lines[5]).toContain(
      'sipreg  registered    995 more accounts (a5, a6, a7, …) within 5 s at sip:pbx.example.com',
    );
  });

  it('tells few that were held back one by one after all', () => {
    const { log, stderr } = open();
    for (let index = 0; index < 7; index++) log.tell(failureEvent(`a${index}`, 'connect.refused', 0));
    log.close();
    expect(stderr.lines.map((line) => line.split('  ')[1])).toEqual([
      'a0',
      'a1',
      'a2',
      'a3',
      'a4',
      'a5',
      'a6',
    ]);
  });

  it('lets nothing of the network drive the terminal, and ends every line', () => {
    const { log, stderr } = open({ verbosity: 2 });
    const evil = `\u001b[2J\u009b31m\u202efoo\r\nfake line ${'x'.repeat(5_000)}`;
    log.tell(
      failureEvent('a', 'register.rejected', 0, { failure: failureSnapshot('register.rejected', 0, evil) }),
    );
    log.tell(warning(evil, evil));
    log.tell({ time: isoAt(0), severity: 'error', type: 'agent', code: evil, text: evil });
    log.tell({
      time: isoAt(0),
      severity: 'debug',
      type: 'message',
      account: null,
      direction: 'received',
      transport: 'udp',
      local: { address: '192.0.2.50', port: 1 },
      remote: { address: '192.0.2.7', port: 1 },
      text: `${evil}\r\n`.repeat(1000),
    });
    log.close();
    expect(stderr.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stderr.lines.length).toBeLessThan(210);
    for (const line of stderr.lines) expect(line.length).toBeLessThan(1_200);
  });
});

describe('for journald', () => {
  let folder: string;
  let fd: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sipreg-log-'));
    fd = openSync(join(folder, 'journal'), 'w');
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const written = (journalStream: string, events: readonly AgentEvent[], verbosity = 1): string => {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        writeSync(fd, chunk);
        done();
      },
    });
    const stderr = Object.assign(stream, { fd });
    const env = { JOURNAL_STREAM: journalStream };
    const stdout = new Collector();
    const log = createAgentLog({ json: false, verbosity, theme: COLORED, stdout, stderr, env });
    for (const event of events) log.tell(event);
    log.close();
    return readFileSync(join(folder, 'journal'), 'utf8');
  };

  it('starts each line with its priority, without time and colour', () => {
    const { dev, ino } = fstatSync(fd);
    const events: readonly AgentEvent[] = [
      failureEvent('a', 'auth.rejected', 0, { severity: 'error', state: 'blocked' }),
      failureEvent('b', 'connect.refused', 0),
      { time: isoAt(0), severity: 'notice', type: 'agent', code: 'agent.started', text: 'here' },
      registeredEvent('c', 0),
      stateEvent('c', 'refreshing', 0, {}, 'registered'),
    ];
    const lines = written(`${dev}:${ino}`, events).trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 6))).toEqual(['<3>a  ', '<4>b  ', '<5>sip', '<6>c  ', '<7>c  ']);
    expect(lines[2]).toBe('<5>sipreg  agent.started  here');
    expect(lines[4]).toBe('<7>c  refreshing');
  });

  it('gives each line of a message its priority', () => {
    const { dev, ino } = fstatSync(fd);
    const message: AgentEvent = {
      time: isoAt(0),
      severity: 'debug',
      type: 'message',
      account: null,
      direction: 'received',
      transport: 'tcp',
      local: { address: '192.0.2.50', port: 1 },
      remote: { address: '192.0.2.7', port: 5060 },
      text: 'SIP/2.0 200 OK\r\nCSeq: 1 REGISTER',
    };
    expect(written(`${dev}:${ino}`, [message], 2)).toBe(
      '<7><--- tcp 192.0.2.7:5060 (from 192.0.2.50:1)\n<7>SIP/2.0 200 OK\n<7>CSeq: 1 REGISTER\n',
    );
  });

  it('is plain when stderr was led elsewhere', () => {
    const { dev, ino } = fstatSync(fd);
    expect(written(`${dev}:${ino + 1}`, [registeredEvent('c', 0)])).toMatch(/^\{faint 2026-11-21T/);
  });
});

describe('for programs', () => {
  it('writes every event as interface.md has it, one object a line, on stdout alone', () => {
    const { log, stdout, stderr } = open({ json: true });
    log.tell(stateEvent('office', 'waiting', 0, { failure: failureSnapshot('dns.timeout', 0) }));
    for (let index = 0; index < 20; index++) log.tell(failureEvent('office', 'dns.timeout', 0));
    log.tell(warning('w', null));
    log.close();
    expect(stderr.text).toBe('');
    expect(stdout.lines).toHaveLength(22);
    const [state, failure, , ...rest] = stdout.lines.map((line) => JSON.parse(line));
    const { account: _, ...facts } = snapshotOf('office', 'waiting', {
      failure: failureSnapshot('dns.timeout', 0),
    });
    expect(state).toEqual({
      time: isoAt(0),
      type: 'state',
      account: 'office',
      previous: 'registering',
      severity: 'info',
      ...facts,
    });
    expect(Object.keys(state).slice(0, 5)).toEqual(['time', 'type', 'account', 'state', 'previous']);
    expect(failure).toMatchObject({
      type: 'failure',
      failure: { code: 'dns.timeout' },
      nextAttempt: isoAt(45_000),
    });
    expect(rest.at(-1)).toEqual({
      time: isoAt(0),
      type: 'warning',
      account: null,
      code: 'test.warning',
      text: 'w',
      severity: 'warning',
    });
  });

  it('escapes what would drive a terminal, and nothing is lost by it', () => {
    const evil = '\u001b[2J\u009b31m\u202efoo\u2028\r\n';
    const { log, stdout } = open({ json: true });
    log.tell(warning(evil));
    log.close();
    expect(stdout.lines).toHaveLength(1);
    expect(stdout.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(JSON.parse(stdout.text).text).toBe(evil);
  });
});
