// SIPp as a scripted registrar, against a hand-made client.

import { afterEach, describe, expect, it } from 'vitest';
import { isInstalled, missingPrograms } from './installed.ts';
import { fieldValues } from './kamailio.ts';
import { exchangeStream, exchangesUdp, registerMessage } from './plain-client.ts';
import { type ScriptedRegistrar, startScriptedRegistrar } from './sipp.ts';

let registrar: ScriptedRegistrar;

afterEach(() => registrar?.stop());

describe.skipIf(!isInstalled('sipp'))(`sipp as a registrar${missingPrograms('sipp')}`, () => {
  it('gives its answers in order and writes everything down', async () => {
    registrar = await startScriptedRegistrar({
      answers: [
        { status: 423, reason: 'Interval Too Brief', headers: ['Min-Expires: 120'] },
        { status: 200, reason: 'OK' },
      ],
    });
    const requests = [registerMessage(), registerMessage({ cseq: 2 })];
    const [brief = '', accepted = ''] = await exchangesUdp(registrar.port, requests);
    expect(brief).toMatch(/^SIP\/2\.0 423 /);
    expect(fieldValues(brief, 'Min-Expires')).toEqual(['120']);
    expect(accepted).toMatch(/^SIP\/2\.0 200 /);
    expect(fieldValues(accepted, 'Contact')).toEqual(['<sip:alice@127.0.0.1:5999>;expires=3600']);
    expect((await registrar.messages()).map(({ direction }) => direction)).toEqual([
      'received',
      'sent',
      'received',
      'sent',
    ]);
    expect(await registrar.requests()).toEqual(requests);
    expect(await registrar.complaints()).toBe('');
  });

  it('speaks TCP', async () => {
    registrar = await startScriptedRegistrar({ answers: [{ status: 403, reason: 'No' }] }, 'tcp');
    const answer = await exchangeStream(registrar.port, registerMessage({ transport: 'TCP' }), 'tcp');
    expect(answer).toMatch(/^SIP\/2\.0 403 No\r\n/);
  });

  it('says why it does not start', async () => {
    await expect(startScriptedRegistrar({ scenario: '<scenario' })).rejects.toThrow(/sipp did not start/);
  });
});
