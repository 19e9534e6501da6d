import { describe, expect, it } from 'vitest';
import { freeswitch } from '../../../src/accounts/import/freeswitch.ts';
import type { Inclusion } from '../../../src/accounts/import/reading.ts';
import { foreignFile, foreignFiles, itIsAReader, PATIENCE_MS } from './readers.ts';

/** conf/vanilla/sip_profiles/external/example.xml with its lines taken out of their comments. */
const EXAMPLE = `<include>
  <!--<gateway name="commented.example.com">
    <param name="username" value="nobody"/>
    </gateway>-->
  <gateway name="asterlink.com">
  <!--/// account username *required* ///-->
  <param name="username" value="cluecon"/>
  <!--/// auth realm: *optional* same as gateway name, if blank ///-->
  <param name="realm" value="asterlink.com"/>
  <param name="from-user" value="cluecon"/>
  <param name="from-domain" value="asterlink.com"/>
  <param name="password" value="2007"/>
  <param name="extension" value="cluecon"/>
  <param name="proxy" value="asterlink.com"/>
  <param name="register-proxy" value="mysbc.com"/>
  <param name="expire-seconds" value="60"/>
  <param name="register" value="true"/>
  <param name="register-transport" value="udp"/>
  <param name="retry-seconds" value="30"/>
  <param name="caller-id-in-from" value="false"/>
  <param name="contact-params" value=""/>
  <param name="extension-in-contact" value="true"/>
  <param name="ping" value="25"/>
  <param name="cid-type" value="rpid"/>
  <param name="rfc-5626" value="true"/>
  <param name="reg-id" value="1"/>
  </gateway>
</include>
`;

const FRAGMENTS = `<X-PRE-PROCESS cmd="set" data="provider=sip.example.net"/>
<X-PRE-PROCESS cmd='set' data='proxy=edge.$\${provider}:5070'/>
<gateway name="sip.example.org">
  <param name="username" value="4930123"/>
  <param name="password" value="a&amp;b&lt;&#34;&#x27;&nbsp;"/>
</gateway>
<gateway name='trunk two'>
  <param name='username' value="line &quot;2&quot;"/><param name="auth-username" value="auth2"/>
  <param name="password" value=""/>
  <param name="realm" value="$\${provider}"/>
  <param name="proxy" value="$\${proxy}"/>
  <param name="distinct-to" value="true"/>
  <param name="from-user" value="boss"/>
  <param name="from-domain" value="example.net"/>
  <param name="register-proxy" value="sip:sbc.example.net;transport=tls"/>
  <param name="contact-params" value="tenant=7;lr"/>
  <param name="expire-seconds" value="3"/>
  <param name="register" value="false"/>
  <param name="retry-seconds" value="90"/>
  <param name="ping" value="3"/>
  <param name="outbound-proxy" value="calls.example.net"/>
  <variables><variable name="username" value="outside"/></variables>
</gateway>
<gateway name="three"><param name="username" value="u"/><param name="password" value="$\${secret_of_three}"/></gateway>
<gateway name="four"><param name="password" value="x"/></gateway>
<gateway name="not a host"><param name="username" value="u"/></gateway>
`;

const read = (text: string) => freeswitch.read(foreignFile(text));
const gateway = (...params: readonly (readonly [string, string])[]) =>
  `<gateway name="b.example"><param name="username" value="a"/><param name="password" value="x"/>${params
    .map(([name, value]) => `<param name="${name}" value="${value}"/>`)
    .join('')}</gateway>`;

describe('gateways of FreeSWITCH', () => {
  it('become accounts', () => {
    expect(read(EXAMPLE)).toEqual({
      accounts: [
        {
          name: 'asterlink.com',
          path: 'file',
          line: 5,
          entry: {
            aor: 'sip:cluecon@asterlink.com',
            outboundProxy: 'sip:mysbc.com',
            transport: 'udp',
            password: '2007',
            expires: 60,
            keepalive: { method: 'options', interval: 25 },
            outbound: 'on',
          },
          notes: ['left behind, as it is not about registering: caller-id-in-from, cid-type'],
        },
      ],
      leftOut: [],
    });
  });

  it('stand in a row, without a root, with variables', () => {
    const { accounts, leftOut } = read(FRAGMENTS);
    expect(accounts).toEqual([
      {
        name: 'sip.example.org',
        path: 'file',
        line: 3,
        entry: { aor: 'sip:4930123@sip.example.org', password: 'a&b<"\'&nbsp;' },
        notes: [],
      },
      {
        name: 'trunk two',
        path: 'file',
        line: 7,
        entry: {
          aor: 'sip:line%20%222%22@edge.sip.example.net:5070',
          from: 'sip:boss@example.net',
          outboundProxy: 'sip:sbc.example.net',
          transport: 'tls',
          username: 'auth2',
          password: '',
          contactUriParams: { tenant: '7', lr: true },
          enabled: false,
        },
        notes: [
          'register = false: it is disabled here too',
          'realm is left behind: FreeSWITCH and sipreg answer any; set "realm" to answer only one',
          'retry-seconds is left behind: after a failure sipreg waits as "retry" says, at first 30 seconds, then ever longer',
          'outbound-proxy is left behind: only calls go there; set "outboundProxy" for the REGISTER',
        ],
      },
    ]);
    expect(leftOut.map(({ line, what, why }) => [line, what, why])).toEqual([
      [
        24,
        'gateway three',
        'there is no value here for $${secret_of_three}: put it in its place, or import freeswitch.xml, which includes the file that sets it',
      ],
      [25, 'gateway four', 'it has no username: FreeSWITCH does not register it either'],
      [26, 'gateway not a host', 'its proxy (realm, name) is no host name'],
    ]);
  });

  it.each([
    [
      'takes To and From from from-user and from-domain',
      [
        ['from-user', 'c'],
        ['from-domain', 'd.example'],
      ],
      { aor: 'sip:c@d.example', registrar: 'sip:b.example', username: 'a' },
    ],
    ['takes the realm as its proxy', [['realm', 'r.example']], { aor: 'sip:a@r.example' }],
    [
      'registers an extension',
      [
        ['extension', '77'],
        ['extension-in-contact', 'true'],
      ],
      { aor: 'sip:a@b.example', contactUser: '77' },
    ],
    ['keeps an extension to itself', [['extension', '77']], { aor: 'sip:a@b.example' }],
    [
      'takes the transport of the proxy before its own',
      [
        ['proxy', 'b.example;transport=tcp'],
        ['register-transport', 'udp'],
      ],
      { aor: 'sip:a@b.example', transport: 'tcp' },
    ],
    [
      'takes the transport for its proxy',
      [
        ['register-transport', 'TLS'],
        ['register-proxy', 'c.example'],
      ],
      { aor: 'sip:a@b.example', outboundProxy: 'sip:c.example', transport: 'tls' },
    ],
  ] as const)('%s', (_what, params, entry) => {
    expect(read(gateway(...params)).accounts.map((account) => account.entry)).toEqual([
      { password: 'x', ...entry },
    ]);
  });

  it('takes variables and gateways of the files that it names', () => {
    const files = {
      'main.xml':
        '<include><X-PRE-PROCESS cmd="set" data="dir=.."/><X-PRE-PROCESS cmd="include" data="$${dir}/vars.xml"/>\n' +
        '<gateway name="$${host}"><param name="username" value="a"/></gateway>',
      '../vars.xml':
        '<X-PRE-PROCESS cmd="set" data="host=b.example"/>\n<gateway name="c.example"><param name="username" value="c"/></gateway>',
    };
    const { accounts, leftOut } = freeswitch.read(foreignFiles('main.xml', files));
    expect(leftOut).toEqual([]);
    expect(accounts.map(({ path, line, entry }) => [path, line, entry.aor])).toEqual([
      ['../vars.xml', 2, 'sip:c@c.example'],
      ['main.xml', 2, 'sip:a@b.example'],
    ]);
  });

  it('knows the file that includes all others', () => {
    const text =
      '<?xml version="1.0"?>\n<document type="freeswitch/xml">\n<X-PRE-PROCESS cmd="include" data="vars.xml"/>';
    expect(freeswitch.recognises(foreignFiles('freeswitch.xml', { 'freeswitch.xml': text }))).toBe(true);
  });

  it('asks for patterns, which may fit no file', () => {
    const asked: Inclusion[] = [];
    const text =
      '\n<X-PRE-PROCESS cmd="include" data="external/*.xml"/><X-PRE-PROCESS cmd="include" data="a.xml"/>';
    const include = (inclusion: Inclusion) => {
      asked.push(inclusion);
      return [];
    };
    freeswitch.read({ path: 'main.xml', text, include });
    expect(asked).toEqual([
      { path: 'external/*.xml', line: 2, optional: true },
      { path: 'a.xml', line: 2, optional: false },
    ]);
  });

  it('resolves no entity but the five of XML', () => {
    const bomb =
      '<!DOCTYPE include [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]>\n' +
      '<gateway name="b.example"><param name="username" value="a"/><param name="password" value="&x;&y;&#1114112;"/></gateway>';
    expect(read(bomb).accounts[0]?.entry.password).toBe('&x;&y;&#1114112;');
  });

  it('bears tags that nobody closes', () => {
    expect(
      read(`<gateway name="c.example"><param name="username" value="c"/>${gateway()}`).accounts,
    ).toHaveLength(2);
    expect(read('<gateway name="b.example"\n<param name="username" value="a"/>').accounts).toHaveLength(1);
  });

  const GOOD = '<gateway name="c.example"><param name="username" value="c"/></gateway>\n';

  it.each([
    ['a quote', '<param name="password value="x"/>\n', 'a quote in it is not closed'],
    ['the last quote', "<param name='password' value='x/>\n", 'a quote in it is not closed'],
  ])('tells %s that is not closed, with its line, and goes on behind it', (_what, param, why) => {
    const gateways = `${GOOD}<gateway name="b.example">\n<param name="username" value="a"/>\n${param}</gateway>\n`;
    const { accounts, leftOut } = read(gateways + GOOD.replaceAll('c', 'd'));
    expect(accounts.map(({ line, entry }) => [line, entry.aor])).toEqual([
      [1, 'sip:c@c.example'],
      [6, 'sip:d@d.example'],
    ]);
    expect(leftOut).toEqual([{ path: 'file', line: 4, what: 'gateway b.example', why }]);
  });

  it.each([
    ['<!-- ', 'there is no "-->" for its "<!--": what follows is not read'],
    ['<![CDATA[', 'there is no "]]>" for its "<![CDATA[": what follows is not read'],
    ['<param', 'there is no ">" for its "<": what follows is not read'],
  ])('tells a %s that never ends, with its line', (begin, why) => {
    const { accounts, leftOut } = read(`${GOOD}${begin} name="a"`);
    expect(accounts).toHaveLength(1);
    expect(leftOut).toEqual([{ path: 'file', line: 2, what: 'the tag', why }]);
  });

  it('takes a "<" in a value for what it is', () => {
    expect(read(gateway(['password', '<x>'])).accounts[0]?.entry.password).toBe('<x>');
  });

  it.each(['env-set', 'exec-set', 'stun-set'])('tells what comes by %s', (command) => {
    const set =
      '<X-PRE-PROCESS cmd="set" data="ip=192.0.2.1"/>' +
      `<X-PRE-PROCESS cmd="${command}" data="ip=EXT_IP"/>` +
      '<X-PRE-PROCESS cmd="set" data="proxy=$${ip}:5070"/>';
    expect(read(set + gateway(['proxy', '$${proxy}'], ['realm', '$${gone}']))).toEqual({
      accounts: [],
      leftOut: [
        {
          path: 'file',
          line: 1,
          what: 'gateway b.example',
          why: `there is no value here for $\${ip} (${command}), $\${gone}: put it in its place, or import freeswitch.xml, which includes the file that sets it`,
        },
      ],
    });
  });

  it('lets no variable grow without end', () => {
    const doubling = '<X-PRE-PROCESS cmd="set" data="a=$${a}$${a}"/>\n'.repeat(60);
    const text = `<X-PRE-PROCESS cmd="set" data="a=xx"/>\n${doubling}${gateway(['password', '$${a}'])}`;
    expect(String(read(text).accounts[0]?.entry.password).length).toBeLessThanOrEqual(4096);
  });

  it('names variables thousands of times, and still ends', () => {
    const set = `<X-PRE-PROCESS cmd="set" data="a=${'x'.repeat(4000)}"/>`;
    expect(read(set + gateway(['extension', '$${a}'.repeat(140_000)]))).toMatchObject({
      accounts: [],
      leftOut: [{ what: 'gateway b.example' }],
    });
  });

  it(
    'bears variables that nobody closes',
    () => {
      expect(read(gateway(['password', '$${'.repeat(350_000)])).accounts).toHaveLength(1);
    },
    PATIENCE_MS,
  );

  it('bears a parameter of its Contact as long as a file', () => {
    const long = `a=${'x'.repeat(30_000_000)}`;
    expect(read(gateway(['contact-params', long])).accounts).toMatchObject([{ notes: [] }]);
    expect(read(gateway(['contact-params', `${long}%`])).accounts).toMatchObject([
      { notes: [expect.stringContaining('has characters that a URI parameter cannot hold')] },
    ]);
  });

  it('says when it cannot take the parameters of its Contact', () => {
    expect(read(gateway(['contact-params', 'a b'])).accounts[0]?.notes).toEqual([
      'contact-params is left behind: write them like a=1;b',
    ]);
  });

  itIsAReader(freeswitch, EXAMPLE, {
    pieces: [
      '<',
      '>',
      '/>',
      '"',
      "'",
      '<!--',
      '-->',
      '<![CDATA[',
      '<?',
      '&#1',
      '&',
      '$${',
      '}',
      '\n',
      '<gateway name="a">',
      '<param name="username" value="a"/>',
      '<X-PRE-PROCESS cmd="set" data="a=$${a}b"/>',
    ],
    entry: (index, secret) =>
      `<gateway name="pbx${index}.example.com"><param name="username" value="u"/><param name="password" value="${secret}"/></gateway>\n`,
  });
});
