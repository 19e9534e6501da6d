// Final answers that are no success, from SIPp: what sipreg makes of each (behaviour.md §2, §6, §10, §11, §14), how many
// REGISTERs that costs, and the exit code.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/free-port.mjs';
import { accountOf, failureIn } from './account-json.ts';
import { runSipreg } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues } from './kamailio.ts';
import { cseqNumbers, firstValues, OK, openStage, type Stage, unauthorized } from './scripted-registrar.ts';
import type { ScriptedAnswer } from './sipp.ts';

let stage: Stage;

beforeEach(async () => {
  stage = await openStage();
});

afterEach(() => stage.close());

const tooBrief = (...headers: readonly string[]): ScriptedAnswer => ({
  status: 423,
  reason: 'Interval Too Brief',
  headers,
});

describe.skipIf(!isInstalled('sipp'))(`refusals${missingPrograms('sipp')}`, () => {
  it('R137 a 423 raises Contact and Expires to Min-Expires, through a later challenge too', async () => {
    const challenge = unauthorized('Digest realm="door", nonce="d1", qop="auth"');
    const answers = [tooBrief('Min-Expires: 1800'), challenge, OK];
    const { result, requests } = await stage.register(answers, { expires: 60 });
    expect(result.code).toBe(0);
    expect(firstValues(requests, 'Expires')).toEqual(['60', '1800', '1800']);
    expect(firstValues(requests, 'Contact').map((value) => value?.split('expires=')[1])).toEqual([
      '60',
      '1800',
      '1800',
    ]);
    expect(accountOf(result).expires).toMatchObject({ requested: 1800, granted: 1800 });
  });

  it.each([
    ['no Min-Expires', []],
    ['one that does not raise', ['Min-Expires: 60']],
    ['Min-Expires of nought', ['Min-Expires: 0']],
    ['one that is no number', ['Min-Expires: later']],
  ] as const)('R138 a 423 with %s is worth one doubled try', async (_, headers) => {
    const { result, requests } = await stage.register([tooBrief(...headers), tooBrief(...headers), OK], {
      expires: 60,
    });
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.interval', status: 423 });
    expect(firstValues(requests, 'Expires')).toEqual(['60', '120']);
  });

  it('R138 a registrar that raises again and again is not followed for ever', async () => {
    const answers = [100, 200, 300, 400, 500, 600].map((least) => tooBrief(`Min-Expires: ${least}`));
    const { result, requests } = await stage.register(answers, { expires: 60 });
    expect(result.code).toBe(75);
    expect(firstValues(requests, 'Expires')).toEqual(['60', '100', '200', '300']);
  });

  it('R061 a 420 drops what the registrar does not know from Supported', async () => {
    const badExtension = { status: 420, reason: 'Bad Extension', headers: ['Unsupported: path'] };
    const { result, requests } = await stage.register([badExtension, OK], {
      headers: { Supported: 'timer' },
    });
    expect(result.code).toBe(0);
    const tags = requests.map((one) => fieldValues(one, 'Supported').join(',').split(/,\s*/).sort());
    expect(tags).toEqual([
      ['gruu', 'outbound', 'path', 'timer'],
      ['gruu', 'outbound', 'timer'],
    ]);
  });

  it('R061 a 420 about something that was not offered is final', async () => {
    const badExtension = { status: 420, reason: 'Bad Extension', headers: ['Unsupported: gin'] };
    const { result, requests } = await stage.register([badExtension, OK]);
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.extension', status: 420 });
    expect(failureIn(result).cause).toContain('gin');
    expect(requests).toHaveLength(1);
  });

  it.each([
    [404, 'Not Found', 75, 'register.not-found'],
    [403, 'Forbidden', 77, 'register.forbidden'],
    [400, 'Bad Request', 75, 'register.rejected'],
    [405, 'Method Not Allowed', 75, 'register.rejected'],
    [408, 'Request Timeout', 75, 'register.unavailable'],
    [480, 'Temporarily Unavailable', 75, 'register.unavailable'],
    [486, 'Busy Here', 75, 'register.rejected'],
    [499, 'Who knows', 75, 'register.rejected'],
    [500, 'Server Error', 75, 'register.unavailable'],
    [503, 'Service Unavailable', 75, 'register.unavailable'],
    [600, 'Busy Everywhere', 75, 'register.rejected'],
    [604, 'Does Not Exist Anywhere', 75, 'register.not-found'],
    [699, 'Never', 75, 'register.rejected'],
  ] as const)(
    'R045 R063 R069 a %i %s is final: one REGISTER, exit code %i',
    async (status, reason, exit, code) => {
      const { result, requests } = await stage.register([{ status, reason }, OK]);
      expect(result.code).toBe(exit);
      expect(failureIn(result)).toMatchObject({ stage: 'register', code, status, reason, retryAfter: null });
      expect(failureIn(result).cause).toContain(`${status} ${reason}`);
      expect(accountOf(result)).toMatchObject({ state: 'unregistered', requests: 1 });
      expect(requests).toHaveLength(1);
    },
  );

  it.each([
    [503, 'Retry-After: 18', 18],
    [503, 'Retry-After: 120 (at lunch; back soon) ;duration=3600', 120],
    [480, 'Retry-After: 7;duration=3', 7],
    [500, `Retry-After: ${'9'.repeat(27)}`, 86_400],
    [404, 'Retry-After: soon', null],
  ] as const)('R067 R068 R192 a %i with "%s" tells %s seconds', async (status, header, seconds) => {
    const { result } = await stage.register([{ status, reason: 'Later', headers: [header] }]);
    expect(result.code).toBe(75);
    expect(failureIn(result).retryAfter).toBe(seconds);
  });

  it.each([
    [500, 'CSeq out of order', []],
    [400, 'Bad Request', ['Warning: 399 door "Invalid CSeq"']],
  ] as const)(
    'R139 a %i that names the CSeq is answered with a new Call-ID, once',
    async (status, reason, headers) => {
      // A new Call-ID begins the script of SIPp anew: it gets the same answer again.
      const registrar = await stage.registrar([{ status, reason, headers }, OK]);
      expect((await stage.run(registrar.port)).code).toBe(75);
      const callIds = firstValues(await registrar.requests(), 'Call-ID');
      expect(callIds).toHaveLength(2);
      expect(callIds[1]).not.toBe(callIds[0]);
      // It is durable: the next run would go on with it.
      const next = JSON.parse((await stage.run(registrar.port, {}, ['register', '--dry-run', 'a'])).stdout);
      expect(fieldValues(next.accounts[0].request, 'Call-ID')).toEqual([callIds[1]]);
    },
  );

  it('R049 R052 a 302 is followed to the best Contact, with the same Call-ID and the next CSeq', async () => {
    const second = await stage.registrar([OK]);
    const moved = {
      status: 302,
      reason: 'Moved',
      headers: [
        'Contact: <sip:127.0.0.1:1>;q=0.1',
        `Contact: <sip:bob@127.0.0.1:${second.port};method=INVITE?Subject=x>;q=0.9`,
      ],
    };
    const { result, requests } = await stage.register([moved]);
    expect(result.code).toBe(0);
    expect(accountOf(result).target?.port).toBe(second.port);
    const [followed = '', ...others] = await second.requests();
    expect(others).toEqual([]);
    // RFC 3261 §10.2: a REGISTER's Request-URI has no user; §19.1.5: no method and no headers either.
    expect(followed.split('\r\n', 1)).toEqual([`REGISTER sip:127.0.0.1:${second.port} SIP/2.0`]);
    for (const name of ['Call-ID', 'From', 'To']) {
      expect(fieldValues(followed, name)).toEqual(fieldValues(requests[0] ?? '', name));
    }
    expect(cseqNumbers([followed])[0]).toBe((cseqNumbers(requests)[0] ?? 0) + 1);
    expect(fieldValues(followed, 'Subject')).toEqual([]);
  });

  it('R050 a 302 that leads back to where we have been is not followed', async () => {
    const port = await freePort();
    const second = await stage.registrar([
      { status: 302, reason: 'Moved', headers: [`Contact: <sip:127.0.0.1:${port}>`] },
    ]);
    const first = await stage.registrar(
      [{ status: 302, reason: 'Moved', headers: [`Contact: <sip:127.0.0.1:${second.port}>`] }, OK],
      'udp',
      port,
    );
    const result = await stage.run(port);
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.redirected', status: 302 });
    expect(failureIn(result).cause).toMatch(/leads back/);
    expect(await first.requests()).toHaveLength(1);
    expect(await second.requests()).toHaveLength(1);
  });

  it.each([
    ['without a Contact', 302, []],
    ['305', 305, ['Contact: <sip:127.0.0.1:1>']],
    ['380', 380, ['Contact: <sip:127.0.0.1:1>']],
  ] as const)('a redirection %s is told, and not followed', async (_, status, headers) => {
    const { result, requests } = await stage.register([{ status, reason: 'Elsewhere', headers }]);
    expect(result.code).toBe(75);
    expect(failureIn(result)).toMatchObject({ code: 'register.redirected', status });
    expect(requests).toHaveLength(1);
  });

  it('tells an operator in words what the registrar said, and what to do', async () => {
    const registrar = await stage.registrar([{ status: 404, reason: 'No such line' }]);
    const config = await stage.home.write('accounts.json', {
      accounts: { a: { aor: 'sip:alice@127.0.0.1', registrar: `sip:127.0.0.1:${registrar.port}` } },
    });
    const result = await runSipreg(['-c', config, 'register', 'a'], { home: stage.home });
    expect(result).toMatchObject({ code: 75, stdout: '' });
    expect(result.stderr).toBe(
      '✗ a  not registered  register.not-found\n' +
        '    cause   the registrar answered 404 No such line\n' +
        '    advice  check the user part and the domain of the aor\n',
    );
  });
});
