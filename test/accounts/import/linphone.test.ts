import { describe, expect, it } from 'vitest';
import { linphone } from '../../../src/accounts/import/linphone.ts';
import { foreignFile, itIsAReader } from './readers.ts';

const HA1_MD5 = '0123456789abcdef0123456789abcdef';
const HA1_SHA256 = HA1_MD5 + HA1_MD5;

const LINPHONERC = `[sip]
sip_port=5060
sip_tcp_port=5060
default_proxy=0
verify_server_certs=1
root_ca=/etc/ssl/certs
keepalive_period=15000

[auth_info_0]
username=chloe
userid=chloe
passwd=secret
realm=sip.example.org

[proxy_0]
reg_proxy=<sip:sip.example.org;transport=tls>
reg_route=<sip:sip.example.org;transport=tls>
reg_identity=sip:chloe@sip.example.org
reg_expires=3600
reg_sendregister=1
publish=0

; the office: MD5 and SHA-256, and a proxy that asks for itself
[proxy_1]
reg_proxy=<sip:pbx.example.com>
reg_route=<sip:edge.example.com:5070;transport=tcp;lr>
reg_identity="Front desk" <sip:desk@pbx.example.com>
reg_expires=600
contact_parameters=message-expires=604800;q=0.5
contact_uri_parameters=line=abc
idkey=proxy_config_1

[auth_info_1]
username=desk
userid=desk-login
ha1=${HA1_MD5}
realm=pbx
algorithm=MD5
domain=pbx.example.com

[auth_info_2]
username=desk
userid=desk-login
ha1=${HA1_SHA256}
realm=pbx
algorithm=SHA-256
domain=pbx.example.com

[auth_info_3]
username=desk
passwd=edgepw
realm=edge
domain=pbx.example.com

[auth_info_4]
username=desk
passwd=elsewhere
domain=other.example.com

[proxy_2]
reg_proxy=sip:other.example.com;transport=udp
reg_identity=sip:desk@other.example.com
reg_expires=0
reg_sendregister=0
depends_on=proxy_config_1

[video]
enabled=1
`;

const entriesOf = (text: string) => linphone.read(foreignFile(text)).accounts.map(({ entry }) => entry);
const notesOf = (text: string) => linphone.read(foreignFile(text)).accounts.flatMap(({ notes }) => notes);
const fileOf = (proxy: string, rest = '') => `[proxy_0]\nreg_identity=sip:a@b.example\n${proxy}\n${rest}`;

describe('linphonerc', () => {
  it('becomes accounts, each with the credentials of its user, domain and realm', () => {
    const { accounts, leftOut } = linphone.read(foreignFile(LINPHONERC));
    expect(leftOut).toEqual([]);
    expect(accounts.map(({ name, line }) => [name, line])).toEqual([
      ['chloe@sip.example.org', 15],
      ['desk@pbx.example.com', 24],
      ['desk@other.example.com', 60],
    ]);
    expect(accounts.map(({ entry }) => entry)).toEqual([
      {
        aor: 'sip:chloe@sip.example.org',
        transport: 'tls',
        realm: 'sip.example.org',
        password: 'secret',
        keepalive: { interval: 15 },
        tls: { ca: '/etc/ssl/certs' },
      },
      {
        aor: 'sip:desk@pbx.example.com',
        username: 'desk-login',
        realm: 'pbx',
        ha1: { MD5: HA1_MD5, 'SHA-256': HA1_SHA256 },
        credentials: [{ realm: 'edge', username: 'desk', password: 'edgepw' }],
        expires: 600,
        contactParams: { 'message-expires': '604800', q: 0.5 },
        contactUriParams: { line: 'abc' },
        keepalive: { interval: 15 },
      },
      {
        aor: 'sip:desk@other.example.com',
        transport: 'udp',
        password: 'elsewhere',
        keepalive: { interval: 15 },
        enabled: false,
      },
    ]);
  });

  it('says what it left behind', () => {
    expect(notesOf(LINPHONERC)).toEqual([
      'reg_route is left behind: only calls go there; set "outboundProxy" for the REGISTER',
      'reg_sendregister = 0: it is disabled here too',
      'depends_on is left behind: each account registers by itself',
      'what would be "expires" is left behind: it must be at least 1',
    ]);
  });

  it('takes the TLS settings over TLS only', () => {
    const sip =
      '[sip]\nverify_server_certs=0\nroot_ca=/x.pem\nclient_certs_chain=/c.pem\nclient_certs_key=/k.pem';
    const tls = { verify: 'none', cert: '/c.pem', key: '/k.pem' };
    expect(entriesOf(fileOf('reg_proxy=sip:b.example;transport=tls', sip))).toEqual([
      { aor: 'sip:a@b.example', transport: 'tls', tls },
    ]);
    expect(entriesOf(fileOf('reg_proxy=sip:b.example', sip))).toEqual([{ aor: 'sip:a@b.example' }]);
    expect(notesOf(fileOf('reg_proxy=sip:b.example;transport=tls', sip))).toContain(
      'verify_server_certs = 0: the server is not verified here either ("tls.verify": "none")',
    );
  });

  it('prefers the credentials of the realm that the account names', () => {
    const auth = (number: number, rest: string) => `[auth_info_${number}]\nusername=a\n${rest}\n`;
    const rest =
      auth(0, 'passwd=one\nrealm=other') + auth(1, 'passwd=two') + auth(2, 'passwd=three\nrealm=mine');
    expect(entriesOf(fileOf('realm=mine', rest))).toEqual([
      {
        aor: 'sip:a@b.example',
        realm: 'mine',
        password: 'three',
        credentials: [
          { username: 'a', password: 'two' },
          { realm: 'other', username: 'a', password: 'one' },
        ],
      },
    ]);
  });

  it('takes a realm out of its quotes, as older versions write it', () => {
    const auth = '[auth_info_0]\nusername=a\npasswd=x\nrealm="asterisk"\n';
    expect(entriesOf(fileOf('realm=asterisk', auth))).toEqual([
      { aor: 'sip:a@b.example', realm: 'asterisk', password: 'x' },
    ]);
  });

  // As linphonec 5.1.65 was seen to register.
  it.each([
    ['<sip:a@b.example>', '<sip:192.0.2.7:5070;transport=tcp>', 'sip:192.0.2.7:5070', 'tcp'],
    ['sip:a@b.example', 'sip:192.0.2.7', 'sip:192.0.2.7', undefined],
    ['<sip:a@b.example;transport=tcp>', 'sip:192.0.2.7', 'sip:192.0.2.7', undefined],
    ['sip:a@b.example', '<sip:b.example;transport=tls>', undefined, 'tls'],
    ['sip:a@b.example', '<sips:b.example>', undefined, 'tls'],
  ])('%s at %s: names its domain, and goes to reg_proxy', (identity, proxy, outboundProxy, transport) => {
    const text = `[proxy_0]\nreg_identity=${identity}\nreg_proxy=${proxy}\n`;
    expect(entriesOf(text)).toEqual([
      {
        aor: 'sip:a@b.example',
        ...(outboundProxy && { outboundProxy }),
        ...(transport && { transport }),
      },
    ]);
  });

  it('has the port of the identity in the URI of the REGISTER alone', () => {
    expect(entriesOf('[proxy_0]\nreg_identity=<sip:a@b.example:5099;user=phone>\n')).toEqual([
      { aor: 'sip:a@b.example', registrar: 'sip:b.example:5099' },
    ]);
  });

  it('keeps the CA of a sips: account', () => {
    const sips = '[proxy_0]\nreg_identity=sips:a@b.example\n[sip]\nroot_ca=/ca.pem\n';
    expect(entriesOf(sips)).toEqual([{ aor: 'sips:a@b.example', tls: { ca: '/ca.pem' } }]);
  });

  it('reads values as linphone does: a number up to its digits, a password from behind the "="', () => {
    const auth = '[auth_info_0]\nusername=a\npasswd= s p; "#x" \n';
    expect(entriesOf(fileOf('reg_expires=1800 #half an hour', auth))).toEqual([
      { aor: 'sip:a@b.example', password: ' s p; "#x"', expires: 1800 },
    ]);
  });

  it.each([
    ['without an identity', '[proxy_0]\nreg_proxy=sip:b', 'its reg_identity is no SIP URI with a user'],
    ['with a bad server', fileOf('reg_proxy=<sip:b c>'), 'its reg_proxy is no SIP URI'],
  ])('leaves out an account %s', (_what, text, why) => {
    expect(linphone.read(foreignFile(text))).toEqual({
      accounts: [],
      leftOut: [{ path: 'file', line: 1, what: '[proxy_0]', why }],
    });
  });

  it('stops where linphone stops', () => {
    const { accounts, leftOut } = linphone.read(
      foreignFile(`${fileOf('')}[proxy_2]\nreg_identity=sip:c@d\n`),
    );
    expect(accounts).toHaveLength(1);
    expect(leftOut).toEqual([
      {
        path: 'file',
        line: 4,
        what: '[proxy_2]',
        why: 'linphone does not read it either, as there is no [proxy_1]: renumber the sections',
      },
    ]);
  });

  itIsAReader(linphone, LINPHONERC, {
    pieces: [
      '[proxy_0]',
      '[auth_info_0]\nusername=a\n',
      '\n',
      'reg_identity=sip:a@b\n',
      '=',
      '"',
      '<',
      'passwd=hunter2\n',
    ],
    entry: (index, secret) =>
      `[auth_info_${index}]\nusername=u${index}\npasswd=${secret}\n[proxy_${index}]\nreg_identity=sip:u${index}@pbx.example.com\n`,
    around: ['[proxy_99999]\n', ''],
  });
});
