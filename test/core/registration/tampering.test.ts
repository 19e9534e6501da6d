// What a SIP ALG does to a registration, and that it is told: a changed Via, a changed Contact.

import { expect, it } from 'vitest';
import { FIRST, granted, INSTANCE, responseReceived, responseTo, script } from './script.ts';

it('R047 drops an answer whose Via names another sender, says so once, and why no answer came', () => {
  const line = script();
  line.begin();
  const request = line.request();
  for (let times = 0; times < 2; times++) {
    const response = responseTo(request, 200, granted(600));
    const headers = response.headers.map((field) =>
      field.name === 'Via'
        ? { ...field, value: field.value.replace('10.0.0.5:5070', '203.0.113.9:1024') }
        : field,
    );
    line.step(responseReceived({ ...response, headers }));
  }
  expect(line.warnings()).toEqual([expect.stringContaining('203.0.113.9:1024')]);
  expect(line.warnings()[0]).toContain('SIP ALG');
  line.pass(32_000);
  expect(line.effects.find(({ type }) => type === 'targetFailed')).toMatchObject({ target: FIRST });
});

it('tells when our Contact is registered under another address, once', () => {
  const line = script({ plan: { outbound: 'auto' } });
  line.begin();
  const changed = { Contact: `<sip:alice@203.0.113.9:1024>;+sip.instance="<${INSTANCE}>";expires=600` };
  line.answer(200, changed);
  line.begin();
  line.answer(200, changed);
  expect(line.warnings().filter((text) => text.includes('203.0.113.9:1024'))).toHaveLength(1);
});

it('does not mistake the public address that the registrar told us for a change', () => {
  const line = script({ plan: { outbound: 'auto' } });
  line.begin();
  const contact = '<sip:alice@203.0.113.5:40112>';
  const answer = { Contact: `${contact};+sip.instance="<${INSTANCE}>";expires=600` };
  line.answer(200, answer, { via: ';received=203.0.113.5;rport=40112' });
  line.answer(200, answer, { via: ';received=203.0.113.5;rport=40112' });
  expect(line.warnings()).toEqual([]);
});
