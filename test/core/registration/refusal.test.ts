// What a refusal means and what can be done about it, where another request is asked for (RFC 3261 §8.1.3.5).

import { describe, expect, it } from 'vitest';
import { type AnswerHeaders, type ChosenPlan, type Script, script, uri } from './script.ts';

/** A round that the registrar ended with `status`. */
function refused(status: number, headers: AnswerHeaders = {}, plan: ChosenPlan = {}): Script {
  const line = script({ plan });
  line.begin();
  line.answer(status, headers);
  return line;
}

describe('a refusal', () => {
  it.each([413, 513])(
    'R058 as too long with %i is not tried again unchanged, and says what can be shorter',
    (status) => {
      const line = refused(status);
      expect(line.sent.length).toBe(1);
      expect(line.failure()).toMatchObject({ status, advice: expect.stringContaining('"headers"') });
    },
  );

  it('R059 for a body that the REGISTER does not have says what is accepted', () => {
    const line = refused(415, { Accept: 'application/sdp, text/plain', 'Accept-Encoding': 'gzip' });
    expect(line.sent.length).toBe(1);
    expect(line.failure()).toMatchObject({
      code: 'register.rejected',
      cause: 'the registrar answered 415 Reason; it accepts application/sdp, text/plain, gzip',
      advice: expect.stringContaining('a body'),
    });
    expect(refused(415).failure()?.cause).toBe('the registrar answered 415 Reason');
  });

  it.each(['sip:pbx.example.com', 'sips:pbx.example.com'])(
    'R060 R390 of the scheme of %s does not lead to another one, and says what the operator can do',
    (registrar) => {
      const line = refused(416, {}, { registrar: uri(registrar) });
      expect(line.sent.length).toBe(1);
      expect(line.failure()).toMatchObject({ code: 'register.rejected', status: 416 });
      expect(line.failure()?.advice).toContain('sipreg does not give up sips by itself');
    },
  );

  it.each([
    ['sec-agree, 100rel', 'auto', 'sipreg does not know sec-agree, 100rel: ask the provider'],
    ['Path, sec-agree', 'auto', 'sipreg does not know sec-agree: ask'],
    ['outbound', 'off', 'set "outbound" to "auto"'],
    ['gruu, path', 'off', 'set "outbound" to "auto"'],
  ] as const)(
    'R062 for want of %s with outbound %s is the end, with a clear reason',
    (tags, outbound, advice) => {
      const line = refused(421, { Require: tags }, { outbound });
      expect(line.sent.length).toBe(1);
      expect(line.failure()).toMatchObject({ code: 'register.extension', status: 421 });
      expect(line.failure()?.cause).toContain(`about the extension ${tags.toLowerCase()}`);
      expect(line.failure()?.advice).toContain(advice);
    },
  );

  it('R062 for want of something without a name says what it always says', () => {
    expect(refused(421).failure()?.advice).toBe('ask the provider which extension is needed');
  });
});
