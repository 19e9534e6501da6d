import { describe, expect, it } from 'vitest';
import { resiprocate } from '../../../src/accounts/import/resiprocate.ts';
import { foreignFile, itIsAReader } from './readers.ts';

const URN = 'urn:uuid:2ee5fbe1-a356-45c4-828a-e38c7068d3cf';

const USERS = `# users.txt: one registration a line
#
# AoR	Contact	Secret	Auth-User	Expiry	Outbound-Proxy	Reg-ID	instance-ID
sip:foo@sip.example.org	sip:foo@198.51.100.2:5061;transport=TLS;ob	secret	foo	60	sip:sip-proxy.example.net	1	<${URN}>

sip:4711@pbx.example.com	sip:4711@192.0.2.20:5060	s3cret#x	login4711	600
sip:4712@pbx.example.com:5070;transport=tcp	<sip:line2@192.0.2.20>	pw
sips:4713@pbx.example.com	sip:4713@192.0.2.20;transport=tls	pw	4713	3600		2
`;

describe('users.txt of registrationAgent', () => {
  it('becomes accounts', () => {
    expect(resiprocate.read(foreignFile(USERS))).toEqual({
      accounts: [
        {
          name: 'foo@sip.example.org',
          path: 'file',
          line: 4,
          entry: {
            aor: 'sip:foo@sip.example.org',
            outboundProxy: 'sip:sip-proxy.example.net',
            transport: 'tls',
            password: 'secret',
            expires: 60,
            contactUriParams: { ob: true },
            outbound: 'on',
            instanceId: URN,
          },
          notes: ['its Contact has the address of this host in place of 198.51.100.2'],
        },
        {
          name: '4711@pbx.example.com',
          path: 'file',
          line: 6,
          entry: {
            aor: 'sip:4711@pbx.example.com',
            username: 'login4711',
            password: 's3cret#x',
            expires: 600,
            contact: 'sip:4711@192.0.2.20:5060',
          },
          notes: [],
        },
        {
          name: '4712@pbx.example.com:5070',
          path: 'file',
          line: 7,
          entry: {
            aor: 'sip:4712@pbx.example.com:5070',
            transport: 'tcp',
            password: 'pw',
            contact: 'sip:line2@192.0.2.20',
          },
          notes: [],
        },
        {
          name: '4713@pbx.example.com',
          path: 'file',
          line: 8,
          entry: { aor: 'sips:4713@pbx.example.com', transport: 'tls', password: 'pw', outbound: 'on' },
          notes: [
            'its Contact has the address of this host in place of 192.0.2.20',
            'reg-id = 2 is left behind: sipreg numbers its flows itself',
          ],
        },
      ],
      leftOut: [],
    });
  });

  it('leaves out what is no account, and repeats nothing of a line that is not split right', () => {
    const broken = 'sip:a@example.com sip:a@192.0.2.1 hunter2\nsip:b@example.com\tnowhere\thunter2\n';
    expect(resiprocate.read(foreignFile(broken))).toEqual({
      accounts: [],
      leftOut: [
        {
          path: 'file',
          line: 1,
          what: 'the line',
          why: 'its first column, the AoR, is no SIP URI with a user',
        },
        { path: 'file', line: 2, what: 'sip:b@example.com', why: 'its Contact is no SIP URI' },
      ],
    });
  });

  it.each([
    [
      'an expiry of zero',
      'sip:a@b.example\tsip:a@192.0.2.1\tpw\ta\t0',
      'what would be "expires" is left behind: it must be at least 1',
    ],
    [
      'an instance that is no URN',
      'sip:a@b.example\tsip:a@192.0.2.1\tpw\ta\t60\t\t1\t<x>',
      'what would be "instanceId" is left behind: it is no URN of a device',
    ],
  ])('leaves %s behind', (_what, line, note) => {
    const [account] = resiprocate.read(foreignFile(line)).accounts;
    expect(account?.notes).toContain(note);
  });

  it('takes a proxy without the header fields of its URI', () => {
    const line = 'sip:a@b.example\tsip:a@192.0.2.1\tpw\ta\t60\tsip:p.example?Route=x';
    const { accounts } = resiprocate.read(foreignFile(line));
    expect(accounts[0]?.entry.outboundProxy).toBe('sip:p.example');
  });

  itIsAReader(resiprocate, USERS, {
    pieces: ['sip:a@b', '\t', '\n', '#', 'sip:a@192.0.2.1;transport=TLS', '<', '>', 'hunter2', '1', '0'],
    entry: (index, secret) => `sip:u${index}@pbx.example.com\tsip:u${index}@192.0.2.1\t${secret}\n`,
  });
});
