import { describe, expect, it } from 'vitest';
import { asteriskPjsip } from '../../../src/accounts/import/asterisk-pjsip.ts';
import { foreignFile, foreignFiles, itIsAReader } from './readers.ts';

/** As in Asterisk's own pjsip.conf.sample, without its comments. */
const TRUNK = `[transport-udp]
type=transport
protocol=udp
bind=0.0.0.0

[mytrunk]
type=registration
transport=transport-udp
outbound_auth=mytrunk_auth
server_uri=sip:sip.example.com
client_uri=sip:1234567890@sip.example.com
contact_user=1234567890
retry_interval=60
forbidden_retry_interval=600
expiration=3600
line=yes
endpoint=mytrunk

[mytrunk_auth]
type=auth
auth_type=userpass
password=s3cret
username=1234567890
realm=sip.example.com
`;

const WIZARD = `[itsp](!)
type = wizard
sends_auth = yes
sends_registrations = yes
remote_hosts = sip1.myitsp.com:5060,sip2.myitsp.com:5060
endpoint/allow = ulaw

[mytrunk](itsp)
outbound_auth/username = testname
outbound_auth/password = test password

[other](itsp)
transport = tls
remote_hosts = 192.0.2.7
server_uri_pattern = sip:\${REMOTE_HOST}\\;transport=tls
client_uri_pattern = sip:\${USERNAME}@example.com
registration/expiration = 600
outbound_auth/username = other
outbound_auth/password = b

[phone]
type = wizard
accepts_registrations = yes
accepts_auth = yes

[broken]
type = wizard
sends_registrations = yes
`;

const read = (text: string) => asteriskPjsip.read(foreignFile(text));
const entriesOf = (text: string) => read(text).accounts.map(({ entry }) => entry);

/** A registration with these settings, and what else is in the file. */
function entryOf(settings: string, rest = ''): unknown {
  const [entry] = entriesOf(
    `[a]\ntype=registration\nserver_uri=sip:a.test\nclient_uri=sip:1@a.test\n${settings}\n${rest}`,
  );
  return entry;
}

function notesOf(settings: string, rest = ''): readonly string[] {
  const text = `[a]\ntype=registration\nserver_uri=sip:a.test\nclient_uri=sip:1@a.test\n${settings}\n${rest}`;
  return read(text).accounts.flatMap(({ notes }) => notes);
}

describe('pjsip.conf', () => {
  it('becomes accounts', () => {
    expect(read(TRUNK)).toEqual({
      accounts: [
        {
          name: 'mytrunk',
          path: 'file',
          line: 6,
          entry: {
            aor: 'sip:1234567890@sip.example.com',
            transport: 'udp',
            realm: 'sip.example.com',
            password: 's3cret',
          },
          notes: [
            'retry_interval = 60 is left behind: sipreg never gives up, and its waits grow ("retry")',
            'forbidden_retry_interval = 600 is left behind: rejected credentials are tried three times, then every 6 h ("retry")',
            'line = yes, endpoint = mytrunk are left behind: calls go where the Contact points ("contact")',
          ],
        },
      ],
      leftOut: [],
    });
  });

  it('has sections of one name and several types', () => {
    const text = TRUNK.replaceAll('mytrunk_auth', 'mytrunk');
    expect(entriesOf(text)).toEqual(entriesOf(TRUNK));
  });

  it.each([
    ['server_uri=sip:b.test:5070\\;transport=tcp', { registrar: 'sip:b.test:5070', transport: 'tcp' }],
    ['server_uri=sip:b.test;transport=tcp', { registrar: 'sip:b.test' }],
    ['server_uri=sips:a.test', { registrar: 'sips:a.test' }],
    ['client_uri="Ann" <sip:2@b.test:5070>', { aor: 'sip:2@b.test:5070', registrar: 'sip:a.test' }],
    ['outbound_proxy=sip:p.test:5080\\;lr', { outboundProxy: 'sip:p.test:5080' }],
    ['outbound_proxy=<sip:p.test\\;lr\\;transport=tcp>', { outboundProxy: 'sip:p.test', transport: 'tcp' }],
    ['outbound_proxy=<sip:p.test\\;lr>,<sip:q.test\\;lr>', { outboundProxy: ['sip:p.test', 'sip:q.test'] }],
    ['expiration=120', { expires: 120 }],
    ['contact_user=line1', { contactUser: 'line1' }],
    ['contact_header_params=q=0.5\\;x-a\\;x-b="c"', { contactParams: { q: 0.5, 'x-a': true, 'x-b': 'c' } }],
    ['contact_header_params=Q = 0.25', { contactParams: { Q: 0.25 } }],
    ['user_agent=PBX 1', { userAgent: 'PBX 1' }],
  ])('takes %s', (setting, keys) => {
    expect(entryOf(setting)).toEqual({ aor: 'sip:1@a.test', ...keys });
  });

  it.each([
    ['', {}],
    ['bind=0.0.0.0:5080', { local: '0.0.0.0:5080' }],
    ['bind=192.0.2.9', { local: '192.0.2.9:0' }],
    ['bind=192.0.2.9:5060', { local: '192.0.2.9:0' }],
    ['bind=[2001:db8::9]:5090', { local: '[2001:db8::9]:5090' }],
    ['protocol=tcp\nbind=192.0.2.9:5090', { transport: 'tcp', local: '192.0.2.9:0' }],
  ])('takes the transport %j', (settings, keys) => {
    const transport = `[t]\ntype=transport\nprotocol=udp\n${settings}\n`;
    expect(entryOf('transport=t', transport)).toEqual({ aor: 'sip:1@a.test', transport: 'udp', ...keys });
  });

  it('takes the files of TLS, and says that it verifies', () => {
    const tls = [
      '[t]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5061\nca_list_file=/etc/ca.pem\ncert_file=/etc/a.pem',
      'priv_key_file=/etc/a.key\npassword=k3y\nallow_wildcard_certs=yes\nmethod=tlsv1_3\n',
    ].join('\n');
    expect(entryOf('transport=t', tls)).toEqual({
      aor: 'sip:1@a.test',
      transport: 'tls',
      tls: {
        ca: '/etc/ca.pem',
        cert: '/etc/a.pem',
        key: '/etc/a.key',
        keyPassphrase: 'k3y',
        allowWildcard: true,
        minVersion: 'TLSv1.3',
      },
    });
    expect(notesOf('transport=t', tls)).toEqual([
      expect.stringMatching(/^verify_server = no is left behind/),
    ]);
    expect(notesOf('transport=t', `${tls}verify_server=yes\n`)).toEqual([]);
  });

  it.each([
    ['auth_type=userpass\npassword=p', { password: 'p' }],
    ['password=a\\;b', { password: 'a;b' }],
    ['password=p\nrealm=*', { password: 'p' }],
    [
      'auth_type=md5\nusername=u\nmd5_cred=d41d8cd98f00b204e9800998ecf8427e',
      { username: 'u', ha1: { MD5: 'd41d8cd98f00b204e9800998ecf8427e' } },
    ],
    [
      `auth_type=digest\npassword_digest=MD5:${'a'.repeat(32)}\npassword_digest=SHA-256:${'b'.repeat(64)}`,
      { ha1: { MD5: 'a'.repeat(32), 'SHA-256': 'b'.repeat(64) } },
    ],
  ])('takes the auth %j', (settings, keys) => {
    expect(entryOf('outbound_auth=x', `[x]\ntype=auth\n${settings}\n`)).toEqual({
      aor: 'sip:1@a.test',
      ...keys,
    });
  });

  it('takes an auth for each of several realms', () => {
    const auths =
      '[x]\ntype=auth\npassword=p\nrealm=r\n[y]\ntype=auth\nusername=u\npassword=q\n[z]\ntype=auth\npassword=s\nrealm=r\n';
    expect(entryOf('outbound_auth=x, y,z', auths)).toEqual({
      aor: 'sip:1@a.test',
      realm: 'r',
      password: 'p',
      credentials: [{ username: 'u', password: 'q' }],
    });
    expect(notesOf('outbound_auth=x, y,z', auths)).toEqual([
      '[z] is left behind: another is for the same realm',
    ]);
  });

  it('says what it does not find', () => {
    expect(notesOf('outbound_auth=gone\ntransport=far')).toEqual([
      'transport = far is not in what was read: DNS says how the server is reached (else set "transport")',
      'outbound_auth = gone is not in what was read: the account has no password of it',
    ]);
    expect(notesOf('contact_header_params=a b')).toEqual([
      'contact_header_params is left behind: write them like a=1;b',
    ]);
    expect(notesOf('contact_header_params=q')).toEqual([
      'what would be "contactParams" is left behind: it must be a number from 0 to 1',
    ]);
    expect(notesOf('outbound_auth=o', '[o]\ntype=auth\nauth_type=google_oauth\nrefresh_token=t')).toEqual([
      '[o] has no password that sipreg can use',
    ]);
  });

  it.each([
    ['server_uri=', 'it has no server_uri'],
    ['client_uri=', 'it has no client_uri'],
    ['client_uri=sip:a.test', 'its client_uri has no user'],
    ['client_uri=1@a.test', 'its client_uri is no SIP URI'],
    ['server_uri=sip:a b', 'its server_uri is no SIP URI'],
    ['server_uri=sip:${HOST}', 'its server_uri has a variable: write what it stands for'],
    ['outbound_proxy=sip:', 'its outbound_proxy is no SIP URI'],
    ['client_uri=sip:1:pw@a.test', 'what would be "aor" holds a password'],
  ])('leaves out a registration with %s', (setting, why) => {
    const text = `;\n[a]\ntype=registration\nserver_uri=sip:a.test\nclient_uri=sip:1@a.test\n${setting}\n`;
    expect(read(text)).toEqual({ accounts: [], leftOut: [{ path: 'file', line: 2, what: '[a]', why }] });
  });

  it('finds auth and transports in the files that it includes', () => {
    const [first = '', second = ''] = TRUNK.split('[mytrunk_auth]');
    const files = {
      'pjsip.conf': '#include "pjsip.d/trunk.conf"\n#tryinclude <pjsip.auth.conf>\n',
      'pjsip.d/trunk.conf': `\n${first}`,
      'pjsip.auth.conf': `[mytrunk_auth]${second}`,
    };
    const { accounts } = asteriskPjsip.read(foreignFiles('pjsip.conf', files));
    expect(accounts).toMatchObject([{ path: 'pjsip.d/trunk.conf', line: 7, entry: { password: 's3cret' } }]);
    expect(asteriskPjsip.recognises(foreignFiles('/etc/asterisk/pjsip.conf', files))).toBe(true);
  });
});

describe('pjsip_wizard.conf', () => {
  it('becomes an account for each remote host', () => {
    const { accounts, leftOut } = read(WIZARD);
    expect(accounts.map(({ name, line, entry }) => [name, line, entry])).toEqual([
      ['mytrunk-reg-0', 8, { aor: 'sip:testname@sip1.myitsp.com:5060', password: 'test password' }],
      ['mytrunk-reg-1', 8, { aor: 'sip:testname@sip2.myitsp.com:5060', password: 'test password' }],
      [
        'other',
        12,
        {
          aor: 'sip:other@example.com',
          registrar: 'sip:192.0.2.7',
          transport: 'tls',
          password: 'b',
          expires: 600,
        },
      ],
    ]);
    expect(leftOut).toEqual([
      { path: 'file', line: 26, what: '[broken]', why: 'it sends registrations, and has no remote_hosts' },
    ]);
  });

  it('has two variables, whatever others are called', () => {
    const text =
      '[w]\ntype=wizard\nsends_registrations=yes\nremote_hosts=a.test\nclient_uri_pattern=sip:${constructor}@b.test\n';
    expect(read(text).leftOut).toMatchObject([
      { what: '[w]', why: 'its client_uri has a variable: write what it stands for' },
    ]);
  });

  it('finds its transports in the pjsip.conf beside it', () => {
    const files = {
      'pjsip_wizard.conf': WIZARD,
      'pjsip.conf': '[tls]\ntype=transport\nprotocol=tls\nbind=192.0.2.9:5061\nverify_server=yes\n',
    };
    const { accounts } = asteriskPjsip.read(foreignFiles('pjsip_wizard.conf', files));
    expect(accounts[2]).toMatchObject({ entry: { local: '192.0.2.9:0' }, notes: [] });
  });
});

const section = (index: number, secret: string) =>
  `[t${index}]\ntype=registration\noutbound_auth=a${index}\nserver_uri=sip:a.test\nclient_uri=sip:${index}@a.test\n\n[a${index}]\ntype=auth\npassword=${secret}\n`;

describe('the reader of pjsip.conf', () =>
  itIsAReader(asteriskPjsip, TRUNK, {
    pieces: [
      '[x]\n',
      '(!)',
      '(x)',
      '(+)',
      ';',
      ';--',
      '--;',
      '\\',
      '=',
      '=>',
      '+=',
      '\n',
      '#include x\n',
      'type=wizard\n',
      '<',
      '@',
      '${',
    ],
    entry: section,
  }));
