import { describe, expect, it } from 'vitest';
import { kamailio } from '../../../src/accounts/import/kamailio.ts';
import { opensips } from '../../../src/accounts/import/opensips.ts';
import { foreignFile, itBearsHugeTexts, itIsAReader } from './readers.ts';

const HA1 = '0123456789abcdef0123456789abcdef';
const URN = 'urn:uuid:2ee5fbe1-a356-45c4-828a-e38c7068d3cf';

const MYSQLDUMP = `CREATE TABLE \`registrant\` (
  \`id\` int(10) unsigned NOT NULL AUTO_INCREMENT,
  \`registrar\` char(255) NOT NULL DEFAULT '',
  \`proxy\` char(255) DEFAULT NULL,
  \`aor\` char(255) NOT NULL DEFAULT '',
  \`third_party_registrant\` char(255) DEFAULT NULL,
  \`username\` char(64) DEFAULT NULL,
  \`password\` char(64) DEFAULT NULL,
  \`binding_URI\` char(255) NOT NULL DEFAULT '',
  \`binding_params\` char(64) DEFAULT NULL,
  \`expiry\` int(1) unsigned DEFAULT NULL,
  \`forced_socket\` char(64) DEFAULT NULL,
  \`cluster_shtag\` char(64) DEFAULT NULL,
  \`state\` int(10) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (\`id\`),
  UNIQUE KEY \`registrant_idx\` (\`aor\`,\`binding_URI\`,\`registrar\`)
);
INSERT INTO \`registrant\` VALUES
(1,'sip:sip.provider.com',NULL,'sip:4930123@sip.provider.com',NULL,'4930123','s3cret','sip:4930123@203.0.113.4:5060',NULL,600,'udp:192.0.2.1:5060',NULL,0),
(2,'sip:192.0.2.7:5061;transport=tls','sip:edge.provider.com;transport=tls','sip:line2@provider.com','sip:admin@provider.com','line2','0x${HA1}','sip:line2@203.0.113.4:5060;transport=tls',';q=0.5;reg-id=1;+sip.instance="<${URN}>"',NULL,NULL,'vip',1),
(3,'','','nobody','','','hunter2','','',0,'','',0);
`;

const UPSERTS = `#!/bin/sh
# two trunks
opensips-cli -x mi uac_registrant:upsert aor=sip:vlad@test.com contact=sip:test@localhost registrar=sip:127.0.0.1:5061 proxy="" third_party_registrant="" username="vlad" password="1234" binding_params="" expiry=60 forced_socket="" cluster_shtag="" state=0
opensips-cli -x mi reg_upsert aor=sip:wanda@test.com \\
  contact=sip:wanda@192.0.2.4 registrar=sip:test.com username=wanda \\
  password='p"\\w d' expiry=3600
`;

const read = (text: string) => opensips.read(foreignFile(text));

describe('registrant in SQL', () => {
  it('is read as mysqldump writes it', () => {
    expect(read(MYSQLDUMP)).toEqual({
      accounts: [
        {
          name: '4930123@sip.provider.com',
          path: 'file',
          line: 19,
          entry: {
            aor: 'sip:4930123@sip.provider.com',
            local: '192.0.2.1:0',
            transport: 'udp',
            password: 's3cret',
            expires: 600,
            contact: 'sip:4930123@203.0.113.4:5060',
          },
          notes: [
            'the port of forced_socket = udp:192.0.2.1:5060 is left behind: "local" can have it when nobody else listens there',
          ],
        },
        {
          name: 'line2@provider.com',
          path: 'file',
          line: 20,
          entry: {
            aor: 'sip:line2@provider.com',
            from: 'sip:admin@provider.com',
            registrar: 'sip:192.0.2.7:5061',
            outboundProxy: 'sip:edge.provider.com',
            transport: 'tls',
            ha1: HA1,
            outbound: 'on',
            instanceId: URN,
            contactParams: { q: 0.5 },
            enabled: false,
          },
          notes: [
            'state = 1: it is disabled here too',
            'its Contact has the address of this host in place of 203.0.113.4',
            'cluster_shtag is left behind: let one sipreg at a time register it',
          ],
        },
      ],
      leftOut: [
        { path: 'file', line: 21, what: 'a row of registrant', why: 'its aor is no SIP URI with a user' },
      ],
    });
  });

  itIsAReader(opensips, MYSQLDUMP, {
    pieces: ["'", '`', '(', ')', ',', ';', '\\', '\n', 'INSERT INTO registrant VALUES ', "('x',"],
    entry: (index, secret) =>
      `INSERT INTO registrant (aor,registrar,password) VALUES ('sip:u${index}@pbx.example.com','sip:pbx.example.com','${secret}');\n`,
  });

  it.each([
    ['registrar', { registrar: 'x y' }, 'its registrar is no SIP URI'],
    ['proxy', { proxy: 'sip:<' }, 'its proxy is no SIP URI'],
    ['third party', { third_party_registrant: 'boss' }, 'its third_party_registrant is no SIP URI'],
    [
      'user name',
      { username: 'a\nb' },
      'what would be "username" holds a line break or another control character',
    ],
  ])('leaves out a row with a bad %s', (_what, changed, why) => {
    const row = { aor: 'sip:a@b.example', registrar: 'sip:b.example', proxy: '', third_party_registrant: '' };
    const columns = Object.entries({ ...row, ...changed });
    const sql = `INSERT INTO registrant (${columns.map(([name]) => name)}) VALUES (${columns.map(([, value]) => `'${value}'`)})`;
    expect(read(sql).leftOut).toEqual([{ path: 'file', line: 1, what: 'registrant sip:a@b.example', why }]);
  });
});

describe('registrant in db_text', () => {
  it('is read by the columns of its first line', () => {
    const text =
      'registrar(string) aor(string) username(string,null) password(string) binding_URI(string) state(int)\n' +
      'sip\\:b.example:sip\\:a@b.example::x:sip\\:a@192.0.2.1:0\n';
    expect(opensips.recognises(foreignFile(text))).toBe(true);
    expect(kamailio.recognises(foreignFile(text))).toBe(false);
    expect(read(text).accounts.map(({ entry }) => entry)).toEqual([
      { aor: 'sip:a@b.example', password: 'x', contact: 'sip:a@192.0.2.1' },
    ]);
  });
});

describe('uac_registrant:upsert', () => {
  itBearsHugeTexts(opensips, { 'an argument': (huge) => `uac_registrant:upsert aor="${huge}"` });

  it('is read as a shell reads it', () => {
    const { accounts, leftOut } = read(UPSERTS);
    expect(leftOut).toEqual([]);
    expect(accounts.map(({ line, entry, notes }) => [line, entry, notes])).toEqual([
      [
        3,
        {
          aor: 'sip:vlad@test.com',
          registrar: 'sip:127.0.0.1:5061',
          password: '1234',
          expires: 60,
          contact: 'sip:test@localhost',
        },
        [],
      ],
      [4, { aor: 'sip:wanda@test.com', password: 'p"\\w d', contact: 'sip:wanda@192.0.2.4' }, []],
    ]);
  });

  it('is read beside rows in SQL, whose quotes are others', () => {
    const insert =
      "INSERT INTO registrant (aor,registrar,password) VALUES ('sip:sql@b.example','sip:b.example','x');\n";
    const command = 'reg_upsert aor=sip:cli@b.example registrar=sip:b.example password="it\'s"\n';
    const accountsOf = (text: string) => read(text).accounts.map(({ line, entry }) => [line, entry]);
    const cli = { aor: 'sip:cli@b.example', password: "it's" };
    const sql = { aor: 'sip:sql@b.example', password: 'x' };
    expect(accountsOf(command + insert)).toEqual([
      [1, cli],
      [2, sql],
    ]);
    expect(accountsOf(insert + command)).toEqual([
      [1, sql],
      [2, cli],
    ]);
  });

  itIsAReader(opensips, UPSERTS, {
    pieces: ["'", '"', '\\', '\n', ' ', '#', 'reg_upsert ', 'aor=sip:a@b', 'password=hunter2', 'a'],
    entry: (index, secret) =>
      `opensips-cli -x mi uac_registrant:upsert aor=sip:u${index}@pbx.example.com registrar=sip:pbx.example.com password=${secret}\n`,
  });
});

it('is not taken for the table of Kamailio', () => {
  for (const text of [MYSQLDUMP, UPSERTS]) {
    expect(opensips.recognises(foreignFile(text))).toBe(true);
    expect(kamailio.recognises(foreignFile(text))).toBe(false);
  }
});
