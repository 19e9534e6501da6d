import { describe, expect, it } from 'vitest';
import { AOR, officeFile, problemsOf } from './scratch.ts';

describe('line breaks and control characters', () => {
  const PLACES: readonly ((text: string) => object)[] = [
    (text) => ({ aor: `sip:1008@pbx.example.com${text}` }),
    (text) => ({ aor: `sip:10${text}08@pbx.example.com` }),
    (text) => ({ from: `sip:a${text}@b` }),
    (text) => ({ registrar: `sip:a;x=${text}` }),
    (text) => ({ outboundProxy: [`sip:a${text}`] }),
    (text) => ({ outboundProxy: `wss://a/ws${text}` }),
    (text) => ({ username: `a${text}b` }),
    (text) => ({ realm: `a${text}b` }),
    (text) => ({ credentials: [{ realm: `a${text}`, username: 'u', password: '' }] }),
    (text) => ({ credentials: [{ username: `a${text}`, password: '' }] }),
    (text) => ({ contact: `sip:a@b${text}` }),
    (text) => ({ contactUser: `a${text}b` }),
    (text) => ({ contactParams: { '+a': `x${text}Via: y` } }),
    (text) => ({ contactParams: { [`a${text}`]: true } }),
    (text) => ({ contactUriParams: { a: `x${text}` } }),
    (text) => ({ contactUriParams: { [`a${text}`]: true } }),
    (text) => ({ headers: { Privacy: `none${text}Via: x` } }),
    (text) => ({ headers: { [`Privacy${text}`]: 'none' } }),
    (text) => ({ userAgent: `a${text}` }),
    (text) => ({ instanceId: `urn:gsma:imei:1${text}` }),
    (text) => ({ instanceId: `urn:uuid:5b2b0a4e-3f0b-4c0c-9a53-6a0d4f0a7f11${text}` }),
    (text) => ({ answer: { INVITE: { status: 302, contact: `sip:a@b${text}` } } }),
    (text) => ({ answer: { [`A${text}`]: 480 } }),
    (text) => ({ local: `0.0.0.0:0${text}` }),
    (text) => ({ tls: { serverName: `a${text}` } }),
    (text) => ({ tls: { ca: `a${text}` } }),
    (text) => ({ dns: { servers: [`192.0.2.1${text}`] } }),
  ];

  it.each(['\r', '\n', '\r\n', '\0', '\x7f', '\x1b'])(
    '%j is an error wherever text goes',
    async (control) => {
      for (const place of PLACES) {
        const problems = await problemsOf(officeFile(place(control)));
        expect(problems, JSON.stringify(place(control))).toHaveLength(1);
      }
    },
  );

  it('an escaped line break in a user part cannot reach the digest user name', async () => {
    for (const aor of ['sip:a%0d%0ab@example.com', 'sip:a%00@example.com', 'sip:a%0A@example.com']) {
      expect(await problemsOf(officeFile({ aor }))).toEqual([
        'accounts.office.aor: has an escaped line break or control character in its user part',
      ]);
    }
  });
});

describe('the document', () => {
  it.each([
    ['a list', '[]', 'must be an object'],
    ['a number', '5', 'must be an object'],
    ['without accounts', '{}', 'accounts: is missing'],
    ['accounts as a list', '{"accounts": []}', 'accounts: must be an object'],
    ['an account that is text', '{"accounts": {"a": "sip:a@b"}}', 'accounts.a: must be an object'],
    ['an unknown key', '{"accounts": {}, "acounts": {}}', 'acounts: unknown key; did you mean "accounts"?'],
  ])('%s is no document', async (_what, text, problem) => {
    expect(await problemsOf(text)).toEqual([problem]);
  });

  it('takes $schema and the keys of the agent', async () => {
    const agent = { http: '127.0.0.1:9724', socket: '/run/sipreg/control.sock', socketGroup: 'voip' };
    expect(
      await problemsOf(JSON.stringify({ $schema: './accounts.schema.json', accounts: {}, agent })),
    ).toEqual([]);
    for (const http of ['localhost:9724', '[::1]:9724', '127.9.9.9:0']) {
      expect(await problemsOf(JSON.stringify({ accounts: {}, agent: { http } }))).toEqual([]);
    }
  });

  it('wants a token where other hosts reach the HTTP server', async () => {
    for (const http of ['0.0.0.0:0', '[::]:9724', '192.0.2.1:9724', 'pbx.example.com:9724']) {
      expect(await problemsOf(JSON.stringify({ accounts: {}, agent: { http } }))).toEqual([
        'agent.http: is reached by other hosts, and has no "httpToken"; set one, or let it listen at 127.0.0.1',
      ]);
      const agent = { http, httpToken: { file: '/etc/sipreg/http.token' }, httpHosts: ['pbx.example.com'] };
      expect(await problemsOf(JSON.stringify({ accounts: {}, agent }))).toEqual([]);
    }
  });

  it.each([
    [{ server: '192.0.2.9' }, /agent\.hep\.server: is no host with a port/],
    [{ server: 'homer:0' }, /is no host with a port/],
    [{ server: 'homer:9060', id: -1 }, /agent\.hep\.id: must be at least 0/],
    [{ server: 'homer:9060', node: 'a\nb' }, /agent\.hep\.node: holds a line break/],
    [{}, /server: is missing/],
  ])('refuses the mirror %j', async (hep, problem) => {
    const problems = await problemsOf(JSON.stringify({ accounts: {}, agent: { hep } }));
    expect(problems.join('\n')).toMatch(problem);
  });

  it('takes notices', async () => {
    const notices = {
      after: 0,
      repeat: 0,
      command: ['/usr/bin/logger', 'line'],
      webhook: { file: 'webhook.url' },
      heartbeat: { url: 'https://hc.example.com/ping/1', interval: 60 },
    };
    expect(await problemsOf(JSON.stringify({ accounts: {}, agent: { notices } }))).toEqual([]);
  });

  it.each([
    [{ webhook: 'secret.example.com/x' }, /agent\.notices\.webhook: is no http: or https: URL/],
    [{ webhook: 'file:///etc/passwd' }, /is no http: or https: URL/],
    [{ command: [] }, /agent\.notices\.command: must name a program/],
    [{ command: ['', 'x'] }, /agent\.notices\.command: must name a program/],
    [{ heartbeat: { url: 'http://a/', interval: 1 } }, /interval: must be at least 10/],
    [{ heartbeat: {} }, /url: is missing/],
    [{ webhok: 'http://a/' }, /did you mean "webhook"/],
  ])('refuses the notices %j without repeating a URL', async (notices, problem) => {
    const problems = await problemsOf(JSON.stringify({ accounts: {}, agent: { notices } }));
    expect(problems.join('\n')).toMatch(problem);
    expect(problems.join('\n')).not.toMatch(/secret\.example|passwd/);
  });

  it.each([
    [{ http: '9724' }, /agent\.http: is no address with a port/],
    [{ http: '127.0.0.1:99999' }, /agent\.http/],
    [{ http: 9724 }, /must be a string/],
    [{ http: '0.0.0.0:9724', httpToken: '' }, /agent\.httpToken: must not be empty/],
    [{ socket: 'x'.repeat(104) }, /too long for a socket/],
    [{ socketgroup: 'voip' }, /agent\.socketgroup: unknown key; did you mean "socketGroup"\?/],
    [{ toString: 1 }, /agent\.toString: unknown key/],
  ])('refuses the agent keys %j', async (agent, complaint) => {
    const problems = await problemsOf(JSON.stringify({ accounts: {}, agent }));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(complaint);
  });

  it.each(['office', '1008', 'a', 'a.b-c_d+e@f', '_x', '+4930', 'A'.repeat(64)])(
    'takes the account name %j',
    async (name) => {
      expect(await problemsOf(JSON.stringify({ accounts: { [name]: { aor: AOR } } }))).toEqual([]);
    },
  );

  it.each([
    '',
    '-a',
    '--all',
    '.',
    '..',
    '.hidden',
    'a/b',
    '../a',
    'a b',
    'ä',
    'a\nb',
    'A'.repeat(65),
    '__proto__',
    'constructor',
    'prototype',
  ])('refuses the account name %j', async (name) => {
    const problems = await problemsOf(`{"accounts": {${JSON.stringify(name)}: {"aor": "${AOR}"}}}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/is no account name|is a reserved name/);
  });

  it('names every mistake, not only the first', async () => {
    const text = '{"accounts": {"a": {"registar": "sip:a", "expire": 5, "toString": 1}, "b": {"aor": "x"}}}';
    expect(await problemsOf(text)).toEqual([
      'accounts.a.aor: is missing',
      'accounts.a.registar: unknown key; did you mean "registrar"?',
      'accounts.a.expire: unknown key; did you mean "expires"?',
      expect.stringMatching(/^accounts\.a\.toString: unknown key; known here: aor, from, .*, enabled$/),
      'accounts.b.aor: is no sip: or sips: URI; write it like sip:1008@pbx.example.com',
    ]);
  });

  it('never repeats a value, which may be a secret in the wrong place', async () => {
    const secret = 'hunter2hunter2';
    const places = [
      { aor: `sip:a:${secret}@b` },
      { ha1: secret },
      { ha1: { MD5: secret } },
      { password: [secret] },
      { credentials: [{ username: 'a', ha1: secret }] },
      { transport: secret },
      { tls: { keyPassphrase: [secret], minVersion: secret } },
    ];
    for (const place of places) {
      const problems = await problemsOf(officeFile(place));
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.join()).not.toContain(secret);
    }
  });
});
