import { describe, expect, it } from 'vitest';
import { parseRegisterLine } from '../../../src/accounts/import/asterisk-register-line.ts';
import { asteriskSip } from '../../../src/accounts/import/asterisk-sip.ts';
import { foreignFile, itIsAReader } from './readers.ts';

const SIP_CONF = `[general]
defaultexpiry=240
registerattempts=10
register => 1234:password@mysipprovider.com
register => 2345:password@sip-proxy.example.org/1234
register => tls://name@namedomain:pass:authuser@domain/extension~111
register => peer?tcp://name:pass@domain:1234
register => broken

[peer]
type=peer
outboundproxy=tcp://proxy.example.org:5070,force

[back](!)
type=peer
host=sip.example.com
callbackextension=in

[trunk](back)
defaultuser=alice
remotesecret=theirs
secret=ours
fromdomain=example.com
transport=tls,udp
port=5071

[nobody](back)

[phone]
type=friend
host=dynamic
secret=x
callbackextension=5
defaultuser=phone
`;

const read = (text: string) => asteriskSip.read(foreignFile(text));

describe('register =>', () => {
  const NONE = {
    peer: '',
    transport: null,
    user: 'u',
    domain: '',
    domainPort: '',
    secret: '',
    authUser: '',
    host: 'h',
    port: '',
    extension: 's',
    expiry: null,
  };

  it.each([
    ['u@h', {}],
    ['u:p@h', { secret: 'p' }],
    ['u:p@w@h', { secret: 'p@w' }],
    ['u@d:p:a@h', { domain: 'd', secret: 'p', authUser: 'a' }],
    ['u@d:5082::@h', { domain: 'd', domainPort: '5082' }],
    ['u@d:4321:p:a@h', { domain: 'd', domainPort: '4321', secret: 'p', authUser: 'a' }],
    ['tls://u:p@h/e~111', { transport: 'tls', secret: 'p', extension: 'e', expiry: '111' }],
    ['udp://u:a/b@h', { transport: 'udp', secret: 'a/b' }],
    [
      'x?tcp://u@d:p:a@h:1234/e~111',
      {
        peer: 'x',
        transport: 'tcp',
        domain: 'd',
        secret: 'p',
        authUser: 'a',
        port: '1234',
        extension: 'e',
        expiry: '111',
      },
    ],
    ['"u":"p:q"@h', { secret: 'p:q' }],
    ['u:p@[2001:db8::1]:5070', { secret: 'p', host: '[2001:db8::1]', port: '5070' }],
  ])('splits %s as chan_sip does', (line, parts) => {
    expect(parseRegisterLine(line)).toEqual({ ...NONE, ...parts });
  });

  it.each(['', 'u', '@h', 'u@', 'u:a/b@h', ':p@h', 'u:a?b@h', 'u:a//b@h'])('refuses %j', (line) => {
    expect(parseRegisterLine(line)).toEqual({ why: expect.any(String) });
  });
});

describe('sip.conf', () => {
  it('becomes accounts', () => {
    const { accounts, leftOut } = read(SIP_CONF);
    expect(accounts.map(({ name, line, entry }) => [name, line, entry])).toEqual([
      [
        '1234@mysipprovider.com',
        4,
        { aor: 'sip:1234@mysipprovider.com', password: 'password', expires: 240 },
      ],
      [
        '2345@sip-proxy.example.org',
        5,
        { aor: 'sip:2345@sip-proxy.example.org', password: 'password', expires: 240, contactUser: '1234' },
      ],
      [
        'name@namedomain',
        6,
        {
          aor: 'sip:name@namedomain',
          registrar: 'sip:domain',
          transport: 'tls',
          username: 'authuser',
          password: 'pass',
          expires: 111,
          contactUser: 'extension',
        },
      ],
      [
        'peer',
        7,
        {
          aor: 'sip:name@domain',
          registrar: 'sip:domain:1234',
          outboundProxy: 'sip:proxy.example.org:5070',
          transport: 'tcp',
          password: 'pass',
          expires: 240,
        },
      ],
      [
        'trunk',
        19,
        {
          aor: 'sip:alice@example.com',
          registrar: 'sip:sip.example.com:5071',
          transport: 'tls',
          password: 'theirs',
          expires: 240,
          contactUser: 'in',
        },
      ],
    ]);
    expect(leftOut.map(({ line, what, why }) => [line, what, why])).toEqual([
      [8, 'register =>', 'it is not of the form user:secret@host'],
      [27, '[nobody]', 'it has no defaultuser to register'],
      [29, '[phone]', 'it has no host to register at'],
    ]);
    expect(accounts[0]?.notes).toEqual([
      'registerattempts = 10 is left behind: sipreg never gives up, and its waits grow ("retry")',
    ]);
  });

  it('has what several [general] say, the last one first of all', () => {
    const text = '[general]\nregister => 1:p@a.test\nuseragent=x\n[general]\nuseragent=y\ndefaultexpiry=60\n';
    expect(read(text).accounts).toMatchObject([{ entry: { userAgent: 'y', expires: 60 } }]);
  });

  it('asks for 120 seconds, as chan_sip does, and reads fragments without a section', () => {
    expect(read('register=1:p@a.test\n').accounts).toMatchObject([
      { entry: { expires: 120, password: 'p' } },
    ]);
  });
});

describe('the reader of sip.conf', () =>
  itIsAReader(asteriskSip, SIP_CONF, {
    pieces: [
      '[x]\n',
      'register => ',
      '?',
      '/',
      ':',
      '@',
      '~',
      '"',
      '(',
      '[',
      '\\',
      ';',
      '\n',
      'callbackextension=1\n',
      'host=a\n',
      '[general]\nregister=a:b@c\n',
    ],
    entry: (index, secret) =>
      `[p${index}]\ntype=peer\nhost=a.test\ndefaultuser=${index}\ncallbackextension=${index}\nsecret=${secret}\n`,
  }));
