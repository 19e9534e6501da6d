import { describe, expect, it } from 'vitest';
import { answerFacts, lookUp } from '../../../src/cli/doctor/name-facts.ts';
import type { Answer, Answers } from '../../../src/core/resolve/question.ts';

const NONE: Answers = { NAPTR: new Map(), SRV: new Map(), A: new Map(), AAAA: new Map() };
const textsOf = (answers: Partial<Answers>) =>
  answerFacts({ ...NONE, ...answers }).map(({ code, mark, text }) => `${code} ${mark} ${text}`);

describe('who is asked', () => {
  it.each([
    [['127.0.0.1:53'], '127.0.0.1:53 ("dns.servers" of the account: /etc/hosts is not asked)'],
    [[], "(the system's, after /etc/hosts)"],
  ])('is told with whether /etc/hosts comes first: %j', async (servers, text) => {
    const host = 'localhost';
    const hop = { host, port: 5060, transport: 'udp' as const, secure: false, domain: host };
    const [fact] = (await lookUp(hop, servers)).facts;
    expect(fact).toMatchObject({ code: 'dns.servers', text: expect.stringContaining(text) });
  });
});

describe('what DNS said', () => {
  it('has every record, in the order in which RFC 3263 looks at them', () => {
    const naptr = (order: number, service: string) => ({
      order,
      preference: 10,
      flags: 's',
      service,
      regexp: '',
      replacement: '_sip._udp.a.test',
    });
    const srv = { priority: 9, weight: 2, port: 5060, target: 'b.test' };
    expect(
      textsOf({
        NAPTR: new Map([
          [
            'a.test',
            { type: 'records', records: [naptr(100, 'SIP+D2T'), naptr(20, 'SIP+D2U')], ttlSeconds: null },
          ],
        ]),
        SRV: new Map([
          [
            '_sip._udp.a.test',
            { type: 'records', records: [srv, { ...srv, priority: 1, target: '' }], ttlSeconds: null },
          ],
        ]),
        A: new Map([['b.test', { type: 'records', records: ['192.0.2.1', '192.0.2.2'], ttlSeconds: 60 }]]),
        AAAA: new Map([['b.test', { type: 'noSuchType' }]]),
      }),
    ).toEqual([
      'dns.naptr ok a.test: 20 10 SIP+D2U _sip._udp.a.test; 100 10 SIP+D2T _sip._udp.a.test',
      'dns.srv ok _sip._udp.a.test: . (not offered); b.test:5060 priority 9 weight 2',
      'dns.a ok b.test: 192.0.2.1; 192.0.2.2 (TTL 60 s)',
      'dns.aaaa ok b.test: none',
    ]);
  });

  it('tells "no" from silence', () => {
    const silent: Answer<'SRV'> = { type: 'unanswered', code: 'dns.timeout', reason: 'ETIMEOUT' };
    expect(
      textsOf({
        NAPTR: new Map([['a.test', { type: 'noSuchName' }]]),
        SRV: new Map([['_sip._udp.a.test', silent]]),
        A: new Map([['a.test', { type: 'noSuchName' }]]),
      }),
    ).toEqual([
      'dns.naptr ok a.test: there is no such name',
      'dns.srv warn _sip._udp.a.test: no answer (ETIMEOUT)',
      'dns.a warn a.test: there is no such name',
    ]);
  });

  it('does not drown the reader, nor his terminal', () => {
    const records = Array.from({ length: 60 }, (_, at) => `192.0.2.${at}`);
    const names = Array.from({ length: 40 }, (_, at): [string, Answer<'A'>] => [
      `${at}.test`,
      { type: 'records', records, ttlSeconds: null },
    ]);
    const texts = textsOf({ A: new Map(names) });
    expect(texts).toHaveLength(13);
    expect(texts[0]).toContain('192.0.2.7; and 52 more');
    expect(texts[12]).toBe('dns.a ok and 28 more names');
    const bell: Answer<'NAPTR'> = {
      type: 'records',
      records: [{ order: 1, preference: 1, flags: 's', service: '\u001b[2J', regexp: '', replacement: 'x' }],
      ttlSeconds: null,
    };
    expect(textsOf({ NAPTR: new Map([['a.test', bell]]) })[0]).not.toContain('\u001b');
  });
});
