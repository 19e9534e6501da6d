import { describe, expect, it } from 'vitest';
import { baresip } from '../../../src/accounts/import/baresip.ts';
import { foreignFile, foreignFiles, itBearsHugeTexts, itIsAReader } from './readers.ts';

const ACCOUNTS = `#
# SIP accounts - one account per line
#
# Displayname <sip:user@domain;uri-params>;addr-params
#
#  <sip:disabled@example.com>;auth_pass=old
Alice Smith <sip:alice@example.com;transport=tcp>;auth_pass=secret
"Smith, \\"Bob\\" <B>" <sip:bob@pbx.example.com:5070>;auth_user="bob;1";auth_pass="p;a=s \\" s";regint=600;regq=0.5
<sip:user@[2001:db8:0:16:216:6fff:fe91:614c]:5070;transport=tls>;auth_pass=x;tcpsrcport=5080;cert=/etc/sip/c.pem
<sip:carol@office>;regint=0;answermode=auto;audio_codecs=opus/48000/2,pcma
<sip:dave@example.com>;sipnat=outbound;outbound="sip:a.example.com;transport=tcp";outbound2="sip:b.example.com;transport=tcp";medianat=ice;auth_pass=pass
<sip:erin@example.com>;outbound2="sip:b.example.com";outbound=proxy.example.com:5062;auth_pass=pass;rwait=80
sip:frank@example.com;auth_pass=hunter2;regint=120
<sip:grace:oldstyle@example.com>
`;

const entries = (text: string) => baresip.read(foreignFile(text)).accounts.map(({ entry }) => entry);
const notes = (text: string) => baresip.read(foreignFile(text)).accounts.map((account) => account.notes);

describe('the accounts file of baresip', () => {
  it('becomes accounts', () => {
    const { accounts, leftOut } = baresip.read(foreignFile(ACCOUNTS));
    expect(leftOut).toEqual([]);
    expect(accounts.map(({ name, line, entry }) => [name, line, entry])).toEqual([
      ['alice@example.com', 7, { aor: 'sip:alice@example.com', transport: 'tcp', password: 'secret' }],
      [
        'bob@pbx.example.com:5070',
        8,
        {
          aor: 'sip:bob@pbx.example.com:5070',
          username: 'bob;1',
          password: 'p;a=s \\" s',
          expires: 600,
          contactParams: { q: 0.5 },
        },
      ],
      [
        'user@[2001:db8:0:16:216:6fff:fe91:614c]:5070',
        9,
        {
          aor: 'sip:user@[2001:db8:0:16:216:6fff:fe91:614c]:5070',
          transport: 'tls',
          password: 'x',
          local: '[::]:5080',
          tls: { cert: '/etc/sip/c.pem', key: '/etc/sip/c.pem' },
        },
      ],
      ['carol@office', 10, { aor: 'sip:carol@office', enabled: false }],
      [
        'dave@example.com',
        11,
        {
          aor: 'sip:dave@example.com',
          outboundProxy: ['sip:a.example.com', 'sip:b.example.com'],
          transport: 'tcp',
          password: 'pass',
          outbound: 'on',
        },
      ],
      [
        'erin@example.com',
        12,
        { aor: 'sip:erin@example.com', outboundProxy: 'sip:proxy.example.com:5062', password: 'pass' },
      ],
      ['frank@example.com', 13, { aor: 'sip:frank@example.com', password: 'hunter2', expires: 120 }],
      ['grace@example.com', 14, { aor: 'sip:grace@example.com', password: 'oldstyle' }],
    ]);
  });

  it('says what it left behind', () => {
    expect(notes(ACCOUNTS)).toEqual([
      ['left behind, as it is not about registering: its display name'],
      ['left behind, as it is not about registering: its display name'],
      [],
      [
        'regint = 0: it is disabled here too',
        'there is no auth_pass: set "password" if the registrar wants one',
        'left behind, as it is not about registering: answermode, audio_codecs',
      ],
      ['left behind, as it is not about registering: medianat'],
      [
        'outbound2 is left behind: without sipnat=outbound it is not used',
        'rwait is left behind: sipreg refreshes in time for what the registrar grants',
      ],
      [],
      [],
    ]);
  });

  it('takes a user name with its escapes, as baresip sends it', () => {
    expect(
      entries('<sip:a%20b@b.example>;auth_pass=x\n<sip:c@b.example>;auth_pass=x;auth_user="d e"'),
    ).toEqual([
      { aor: 'sip:a%20b@b.example', username: 'a%20b', password: 'x' },
      { aor: 'sip:c@b.example', username: 'd e', password: 'x' },
    ]);
  });

  it('trusts the CA of the configuration beside it, over TLS', () => {
    const files = {
      accounts:
        '<sip:a@b.example;transport=tls>;auth_pass=x;cert=/c.pem\n<sip:d@b.example;transport=tcp>;auth_pass=x\n',
      config: '#sip_cafile\t/no.pem\nsip_cafile\t\t/etc/ca.pem\nsip_cafile2 /x\n',
    };
    const { accounts } = baresip.read(foreignFiles('accounts', files));
    expect(accounts.map(({ entry }) => entry.tls)).toEqual([
      { ca: '/etc/ca.pem', cert: '/c.pem', key: '/c.pem' },
      undefined,
    ]);
  });

  it('says where a transport belongs', () => {
    expect(notes('"A" <sip:a@b.example>;transport=tcp;auth_pass=x')[0]).toContain(
      'transport is left behind: it belongs inside the < >, where baresip reads it',
    );
  });

  it('tells no piece of a password that has no quotes', () => {
    expect(notes('<sip:a@b.example>;auth_pass=se;cret=99;mwi=no')).toEqual([
      [
        'left behind, as it is not about registering: mwi',
        'parameters that sipreg does not know are left behind: a password with ";" needs quotes there',
      ],
    ]);
  });

  it('keeps proxies of several transports apart', () => {
    const line =
      '<sip:a@b.example>;auth_pass=x;sipnat=outbound;outbound1="sip:c.example;transport=tcp";outbound2="<sip:d.example;transport=tls>"';
    expect(entries(line)).toEqual([
      {
        aor: 'sip:a@b.example',
        outboundProxy: ['sip:c.example;transport=tcp', 'sip:d.example;transport=tls'],
        password: 'x',
        outbound: 'on',
      },
    ]);
  });

  it.each([
    ['<sip:office.example.com>;auth_pass=hunter2', 'the line', 'it has no SIP URI with a user'],
    ['Alice alice@example.com auth_pass=hunter2', 'the line', 'it has no SIP URI with a user'],
    [
      '<sip:a@b.example>;outbound="sip:a b"',
      'sip:a@b.example',
      'its outbound proxy is no SIP URI: write it like "sip:proxy.example.com"',
    ],
  ])('leaves out %s', (line, what, why) => {
    expect(baresip.read(foreignFile(`# one\n${line}\n`))).toEqual({
      accounts: [],
      leftOut: [{ path: 'file', line: 2, what, why }],
    });
  });

  it('leaves a value behind that cannot be', () => {
    expect(notes('<sip:a@b.example>;auth_pass=x;regq=often;tcpsrcport=99999;cert=my.pem')).toEqual([
      [
        'cert is looked for from the directory of the accounts file: give its whole path',
        'what would be "contactParams" is left behind: it must be a number from 0 to 1',
        'what would be "local" is left behind: it is no address with a port',
      ],
    ]);
  });

  itBearsHugeTexts(baresip, { 'a password': (huge) => `<sip:a@b>;auth_pass="${huge}"` });

  itIsAReader(baresip, ACCOUNTS, {
    pieces: [
      '<sip:a@b>',
      ';',
      '"',
      '\\',
      '\n',
      '#',
      'auth_pass=',
      'outbound="sip:x"',
      ' ',
      '=',
      ';a',
      '>',
      '<',
    ],
    entry: (index, secret) => `<sip:u${index}@pbx.example.com>;auth_pass=${secret}\n`,
  });
});
