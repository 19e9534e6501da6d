import { describe, expect, it } from 'vitest';
import { lastExchange } from '../../../src/agent/http/last-exchange.ts';
import type { TraceMessage } from '../../../src/agent/trace/trace-ring.ts';
import { anExchange } from './page-facts.ts';

const [template] = anExchange();

/** "> REGISTER", "< 401 REGISTER": sent and received. */
function message(sketch: string): TraceMessage {
  if (template === undefined) throw new Error('an exchange has messages');
  const [sign, first = '', method = first] = sketch.split(' ');
  const line = /^\d/.test(first) ? `SIP/2.0 ${first} Word` : `${first} sip:pbx.example.com SIP/2.0`;
  const text = `${line}\r\nCall-ID: 1\r\nCSeq: 7 ${method}\r\n\r\n`;
  return { ...template, direction: sign === '>' ? 'sent' : 'received', text };
}

describe('the last exchange', () => {
  it.each([
    ['nothing', [], 0],
    ['a challenge and its answer', ['> REGISTER', '< 401 REGISTER', '> REGISTER', '< 200 REGISTER'], 4],
    ['no earlier one', ['> REGISTER', '< 200 REGISTER', '> REGISTER', '< 423 REGISTER', '> REGISTER'], 3],
    ['a failed one alone', ['< 200 REGISTER', '> REGISTER', '< 403 REGISTER'], 2],
    ['what was sent again', ['< 503 REGISTER', '> REGISTER', '> REGISTER', '> REGISTER'], 3],
    ['no more than a dozen', Array.from({ length: 20 }, () => '> REGISTER'), 12],
  ])('is %s', (_, sketches, steps) => {
    const messages = sketches.map(message);
    expect(lastExchange(messages)).toEqual(messages.slice(messages.length - steps));
  });

  it('has no calls and pings in it, unless there is nothing else', () => {
    const pings = ['< OPTIONS', '> 200 OPTIONS'].map(message);
    const registers = ['> REGISTER', '< 200 REGISTER'].map(message);
    expect(lastExchange([...registers, ...pings])).toEqual(registers);
    expect(lastExchange(pings)).toEqual(pings);
  });
});
