// Whatever REGISTERs come, the registrar's list is the one that a simple model keeps, and its bounds hold.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatMessage } from '../../src/core/sip/format.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { sizeOf } from '../../src/registrar/expiring-table.ts';
import { drive, openSettings, register, values } from './driver.ts';

const MAX_CONTACTS = 3;

type ModelBinding = { readonly expiresAt: number; readonly callId: string; readonly cseq: number };

const change = fc.record({
  waitSeconds: fc.integer({ min: 0, max: 90 }),
  callId: fc.constantFrom('call-1', 'call-2'),
  cseq: fc.integer({ min: 1, max: 30 }),
  wishes: fc.uniqueArray(
    fc.record({
      host: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      seconds: fc.constantFrom(0, 10, 60, 100, 9999),
    }),
    { maxLength: 4, selector: ({ host }) => host },
  ),
  star: fc.boolean(),
});

it('keeps the bindings that the model keeps, each until its time', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const registrar = drive(openSettings({ maxContacts: MAX_CONTACTS }));
      let model = new Map<string, ModelBinding>();
      let now = 0;
      for (const { waitSeconds, callId, cseq, wishes, star } of changes) {
        registrar.wait(waitSeconds);
        now += waitSeconds;
        model = new Map([...model].filter(([, { expiresAt }]) => expiresAt > now));
        const isStar = star && wishes.length === 0;
        const contacts = isStar
          ? ['*']
          : wishes.map(({ host, seconds }) => `<sip:alice@${host}.test>;expires=${seconds}`);
        const request = register({ callId, cseq, contacts, ...(isStar ? { expires: 0 } : {}) });
        const response = registrar.send(request);

        const touched = isStar ? [...model.keys()] : wishes.map(({ host }) => `sip:alice@${host}.test`);
        const isOld = touched.some((uri) => {
          const known = model.get(uri);
          return known?.callId === callId && known.cseq >= cseq;
        });
        const next = new Map(isStar ? [] : model);
        for (const { host, seconds } of wishes) {
          next.delete(`sip:alice@${host}.test`);
          const expiresAt = now + Math.min(seconds, 3600);
          if (seconds > 0) next.set(`sip:alice@${host}.test`, { expiresAt, callId, cseq });
        }
        const isBrief = wishes.some(({ seconds }) => seconds === 10);
        const expected = isBrief ? 423 : isOld ? 500 : next.size > MAX_CONTACTS ? 403 : 200;
        expect(response.status).toBe(expected);
        if (expected === 200) model = next;

        expect(registrar.bound()).toEqual(
          [...model].map(([uri, { expiresAt }]) => `${uri} ${expiresAt - now}`),
        );
        if (expected === 200) expect(values(response, 'Contact')).toHaveLength(model.size);
      }
    }),
  );
});

it('answers any request that the parser lets through with a message that can be sent, and keeps its bounds', () => {
  const text = fc.string({ maxLength: 40, unit: 'binary' });
  const name = fc.constantFrom(
    'Via',
    'From',
    'To',
    'Call-ID',
    'CSeq',
    'Contact',
    'Expires',
    'Authorization',
    'Path',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, text), { maxLength: 6 }), (changes) => {
      const registrar = drive(openSettings({ maxContacts: MAX_CONTACTS }));
      const request = register();
      const headers = [...request.headers];
      for (const [changed, value] of changes) {
        const at = headers.findIndex((header) => header.name === changed);
        headers.splice(Math.max(at, 0), at === -1 ? 0 : 1, { name: changed, value });
      }
      const wire = headers.map((header) => `${header.name}: ${header.value}\r\n`).join('');
      const parsed = parseMessage(
        new TextEncoder().encode(`REGISTER sip:example.test SIP/2.0\r\n${wire}\r\n`),
      );
      if (!parsed.ok || parsed.value.kind !== 'request') return;
      const reply = registrar.reply(parsed.value);
      if (reply === null) return;
      const back = parseMessage(formatMessage(reply.response));
      expect(back.ok && back.value.kind === 'response' && back.value.status).toBe(reply.response.status);
      expect(registrar.bindings().length).toBeLessThanOrEqual(MAX_CONTACTS);
      expect(sizeOf(registrar.state().answers)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});
