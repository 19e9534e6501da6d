// Requests that came in, as the log tells them.

import { expect, it } from 'vitest';
import type { AgentEvent } from '../../../src/agent/events.ts';
import { jsonText } from '../../../src/agent/log/formats.ts';
import { createNews, judged } from '../../../src/agent/log/news.ts';
import { lineOf } from '../../../src/agent/log/words.ts';
import { isoAt } from './events.ts';

type RequestEvent = Extract<AgentEvent, { type: 'request' }>;

const CALL: RequestEvent = {
  time: isoAt(0),
  severity: 'info',
  type: 'request',
  account: 'office',
  method: 'INVITE',
  from: 'sip:bob@example.com',
  to: 'sip:alice@example.com',
  transport: 'udp',
  source: { address: '192.0.2.7', port: 5060 },
  status: 480,
  reason: 'Temporarily Unavailable',
  untold: 0,
};

function line(changes: Partial<RequestEvent> = {}) {
  const event = { ...CALL, ...changes } as AgentEvent;
  return lineOf(judged(event, createNews().judge(event, 0)));
}

it('tells a call that nobody took', () => {
  expect(line()).toEqual({
    time: isoAt(0),
    severity: 'info',
    subject: 'office',
    label: 'request',
    text: 'call from sip:bob@example.com to sip:alice@example.com, answered 480 Temporarily Unavailable (udp 192.0.2.7:5060)',
  });
});

it('tells a request of which not much can be read, and how many more there were', () => {
  const changes = { account: null, method: 'MESSAGE', from: null, to: null, status: 400, untold: 7 };
  const { subject, text } = line({ ...changes, reason: 'Bad', source: { address: '2001:db8::1', port: 9 } });
  expect(subject).toBe('sipreg');
  expect(text).toBe(
    'MESSAGE from somebody to somebody, answered 400 Bad (udp [2001:db8::1]:9); 7 more requests were answered',
  );
});

it('tells every call, and of pings nothing but to those who want every detail', () => {
  const news = createNews();
  for (let time = 0; time < 3; time++) expect(news.judge(CALL, time).isNews).toBe(true);
  const ping: RequestEvent = { ...CALL, method: 'OPTIONS', severity: 'debug', status: 200 };
  expect(judged(ping, news.judge(ping, 3))).toMatchObject({ isNews: false, severity: 'debug' });
  expect(news.size()).toBe(0);
});

it('tells programs all of it', () => {
  const { time, ...rest } = CALL;
  expect(JSON.parse(jsonText(CALL))).toEqual({ time, ...rest });
  expect(jsonText(CALL)).toMatch(/^\{"time":"[^"]*","type":"request","account":"office","method":"INVITE",/);
});
