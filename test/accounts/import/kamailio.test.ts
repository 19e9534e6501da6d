import { describe, expect, it } from 'vitest';
import { kamailio } from '../../../src/accounts/import/kamailio.ts';
import { opensips } from '../../../src/accounts/import/opensips.ts';
import { foreignFile, itBearsHugeTexts, itIsAReader } from './readers.ts';

const HA1 = '0123456789abcdef0123456789abcdef';

const MYSQLDUMP = `-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: kamailio
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;

--
-- Table structure for table \`uacreg\`
--

DROP TABLE IF EXISTS \`uacreg\`;
CREATE TABLE \`uacreg\` (
  \`id\` int unsigned NOT NULL AUTO_INCREMENT,
  \`l_uuid\` varchar(64) NOT NULL DEFAULT '',
  \`l_username\` varchar(64) NOT NULL DEFAULT '',
  \`l_domain\` varchar(64) NOT NULL DEFAULT '',
  \`r_username\` varchar(64) NOT NULL DEFAULT '',
  \`r_domain\` varchar(64) NOT NULL DEFAULT '',
  \`realm\` varchar(64) NOT NULL DEFAULT '',
  \`auth_username\` varchar(64) NOT NULL DEFAULT '',
  \`auth_password\` varchar(64) NOT NULL DEFAULT '',
  \`auth_ha1\` varchar(128) NOT NULL DEFAULT '',
  \`auth_proxy\` varchar(255) NOT NULL DEFAULT '',
  \`expires\` int NOT NULL DEFAULT '0',
  \`flags\` int NOT NULL DEFAULT '0',
  \`reg_delay\` int NOT NULL DEFAULT '0',
  \`contact_addr\` varchar(255) NOT NULL DEFAULT '',
  \`socket\` varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (\`id\`),
  UNIQUE KEY \`l_uuid_idx\` (\`l_uuid\`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;

--
-- Dumping data for table \`uacreg\`
--

LOCK TABLES \`uacreg\` WRITE;
/*!40000 ALTER TABLE \`uacreg\` DISABLE KEYS */;
INSERT INTO \`uacreg\` VALUES (1,'account123','test','mysipserver.com','test123','sipprovider.com','sipprovider.com','test123','it\\'s; "q" \\\\ ok','','sip:sipprovider.com',360,0,0,'',''),
(2,'trunk2','.','.','4930123','example.net:5070','.','4930123','.','${HA1}','sip:192.0.2.9:5061;transport=tls',0,16,5,'203.0.113.4:5080','tls:192.0.2.1:5061'),(3,'','','','',
'','','','','','',0,0,0,'','');
/*!40000 ALTER TABLE \`uacreg\` ENABLE KEYS */;
UNLOCK TABLES;
`;

const PG_DUMP_INSERTS = `--
-- PostgreSQL database dump
--
SET statement_timeout = 0;
SET standard_conforming_strings = on;
CREATE TABLE public.version (
    table_name character varying(32) NOT NULL
);
INSERT INTO public.version VALUES ('it''s');
INSERT INTO public.uacreg (id, l_uuid, r_username, r_domain, realm, auth_username, auth_password, auth_proxy, expires, "socket") VALUES (1, 'pg1', 'test', 'example.com', '', 'test', 'back\\slash''s', 'sip:example.com;transport=tcp', 600, 'udp:sip.example.org:5060');
INSERT INTO public.uacreg (id, l_uuid, r_username, r_domain, auth_password, expires) VALUES (nextval('uacreg_id_seq'::regclass), 'pg2'::character varying, E'te\\'st', 'example.com', NULL, DEFAULT);
`;

const PG_DUMP = `--
-- PostgreSQL database dump
--
COPY public.acc (id, method) FROM stdin;
1	INV'ITE
\\.


COPY public.uacreg (id, l_uuid, l_username, l_domain, r_username, r_domain, realm, auth_username, auth_password, auth_ha1, auth_proxy, expires, flags, reg_delay, contact_addr, contact_user, socket) FROM stdin;
1	u1			alice	example.com		alice	pass\\\\word\\t'x		sip:example.com	1800	1	0	192.0.2.4:5060;transport=tcp	line1	\\N
\\.

SELECT pg_catalog.setval('public.uacreg_id_seq', 1, true);
`;

const SQLITE = `PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
INSERT INTO uacreg VALUES(1,'lite','','','bob','example.org','','bob','pw\\','','sip:example.org',60,0,0);
COMMIT;
`;

const DB_TEXT = `id(int,auto) l_uuid(string) l_username(string) l_domain(string) r_username(string) r_domain(string) realm(string) auth_username(string) auth_password(string) auth_ha1(string) auth_proxy(string) expires(int) flags(int) reg_delay(int) contact_addr(string) contact_user(string) socket(string)
1:text1:::carol:example.com::carol:a\\:b\\\\c::sip\\:edge.example.com\\:5070:600:0:0:::
2:short:row
`;

const read = (text: string) => kamailio.read(foreignFile(text));
const entriesOf = (text: string) => read(text).accounts.map(({ entry }) => entry);

const NO_CONTACT =
  'its Contact has the address of this host: set "contact" if calls are to go on to Kamailio';

describe('uacreg in SQL', () => {
  it('is read as mysqldump writes it', () => {
    expect(read(MYSQLDUMP)).toEqual({
      accounts: [
        {
          name: 'account123',
          path: 'file',
          line: 40,
          entry: {
            aor: 'sip:test123@sipprovider.com',
            realm: 'sipprovider.com',
            password: 'it\'s; "q" \\ ok',
            expires: 360,
            contactUser: 'account123',
          },
          notes: [
            NO_CONTACT,
            'l_username, l_domain: left behind, as sipreg passes no calls on and spreads its REGISTERs itself',
          ],
        },
        {
          name: 'trunk2',
          path: 'file',
          line: 41,
          entry: {
            aor: 'sip:4930123@example.net:5070',
            local: '192.0.2.1:0',
            outboundProxy: 'sip:192.0.2.9:5061',
            transport: 'tls',
            ha1: HA1,
            enabled: false,
            contact: 'sip:trunk2@203.0.113.4:5080',
          },
          notes: [
            'the port of socket = tls:192.0.2.1:5061 is left behind: "local" can have it when nobody else listens there',
            'expires = 0 or the flag 1: it is disabled here too',
            'reg_delay: left behind, as sipreg passes no calls on and spreads its REGISTERs itself',
          ],
        },
      ],
      leftOut: [
        { path: 'file', line: 41, what: 'a row of uacreg', why: 'it has no r_username or no r_domain' },
      ],
    });
  });

  it('is read as pg_dump --column-inserts writes it', () => {
    const { accounts } = read(PG_DUMP_INSERTS);
    expect(accounts.map(({ line, entry }) => [line, entry])).toEqual([
      [
        10,
        {
          aor: 'sip:test@example.com',
          transport: 'tcp',
          password: "back\\slash's",
          expires: 600,
          contactUser: 'pg1',
        },
      ],
      [11, { aor: "sip:te'st@example.com", contactUser: 'pg2', enabled: false }],
    ]);
    expect(accounts[0]?.notes).toEqual([
      'socket = udp:sip.example.org:5060 is left behind: give an address of this host as "local"',
      NO_CONTACT,
    ]);
  });

  it('is read as pg_dump writes it, between the rows of other tables', () => {
    expect(read(PG_DUMP).accounts.map(({ line, entry }) => [line, entry])).toEqual([
      [
        10,
        {
          aor: 'sip:alice@example.com',
          password: "pass\\word\t'x",
          expires: 1800,
          contact: 'sip:line1@192.0.2.4:5060;transport=tcp',
          enabled: false,
        },
      ],
    ]);
  });

  it('is read as sqlite3 .dump writes it, its columns known by their number', () => {
    expect(entriesOf(SQLITE)).toEqual([
      { aor: 'sip:bob@example.org', password: 'pw\\', expires: 60, contactUser: 'lite' },
    ]);
  });

  it('takes no backtick in a password for the quote of a name', () => {
    expect(entriesOf(SQLITE.replace("'pw\\'", "'p`w\\'"))).toMatchObject([{ password: 'p`w\\' }]);
  });

  it('is read as the manual of the module has it', () => {
    const sql = `INSERT INTO uacreg (l_uuid,l_username,l_domain,r_username,r_domain,realm,auth_username,auth_password,auth_proxy,expires)
VALUES ('account123','test','mysipserver.com','test123','sipprovider.com','sipprovider.com','test123','xxxxxx','sip:sipprovider.com',360);`;
    expect(entriesOf(sql)).toEqual([
      {
        aor: 'sip:test123@sipprovider.com',
        realm: 'sipprovider.com',
        password: 'xxxxxx',
        expires: 360,
        contactUser: 'account123',
      },
    ]);
  });

  it("is read with MySQL's SET", () => {
    const sql =
      "INSERT INTO `uacreg` SET l_uuid='a', r_username = 'b', `r_domain` = 'c.example', auth_password=concat('x','y'), expires = 60 ON DUPLICATE KEY UPDATE expires = 90;";
    const entry = { aor: 'sip:b@c.example', expires: 60, contactUser: 'a' };
    expect(entriesOf(sql + sql.replace("'a'", "'z'"))).toEqual([entry, { ...entry, contactUser: 'z' }]);
    const elsewhere = "INSERT INTO acc SET method = 'INVITE; INSERT INTO uacreg VALUES (1';";
    expect(read(elsewhere + sql).leftOut).toEqual([]);
  });

  it('is read as "mysqldump --compatible=ansi" writes it', () => {
    const ansi = MYSQLDUMP.replaceAll('`', '"');
    expect(read(ansi)).toEqual(read(MYSQLDUMP));
  });

  it('goes on with the next statement after one that ends in the middle', () => {
    const next = "INSERT INTO uacreg (r_username, r_domain, expires) VALUES ('a','b.example',60);";
    expect(read(`INSERT INTO uacreg VALUES ('x',(1;\n${next}`).accounts.map(({ line }) => line)).toEqual([2]);
  });

  it('has users with the escapes that stand there, as Kamailio writes them', () => {
    const sql = (user: string) =>
      `INSERT INTO uacreg (r_username, r_domain, auth_password, expires) VALUES ('${user}','b.example','x',60);`;
    expect(entriesOf(sql('a%20b') + sql('100%'))).toMatchObject([
      { aor: 'sip:a%20b@b.example' },
      { aor: 'sip:100%25@b.example' },
    ]);
  });

  itBearsHugeTexts(kamailio, {
    'a statement': (huge) => `INSERT INTO uacreg VALUES ${huge}`,
    'a value': (huge) => `INSERT INTO uacreg VALUES (1,'${huge}');`,
    'a value of another table': (huge) =>
      `INSERT INTO silo VALUES ('${huge}');\nINSERT INTO uacreg VALUES (1);`,
    'a row of COPY': (huge) => `COPY uacreg (l_uuid, r_domain) FROM stdin;\n${huge}\tx\n\\.\n`,
  });

  it('is known by its columns under another name', () => {
    const sql =
      "insert into trunks (l_uuid, r_username, r_domain, auth_proxy, expires) values ('a','b','c.example','',60)";
    expect(kamailio.recognises(foreignFile(sql))).toBe(true);
    expect(entriesOf(sql)).toEqual([{ aor: 'sip:b@c.example', expires: 60, contactUser: 'a' }]);
  });

  it.each([
    ["INSERT INTO uacreg (l_uuid, r_domain) VALUES ('a');", 'it has 1 values for 2 columns'],
    ['INSERT INTO uacreg SELECT * FROM old;', 'it has no VALUES: write it as INSERT … VALUES (…)'],
    ["INSERT INTO uacreg VALUES ('a','b", 'it ends in the middle'],
    ["INSERT INTO uacreg VALUES ('a',1;", 'it ends in the middle'],
    ["INSERT INTO uacreg SET l_uuid = 'a', r_domain = 'b", 'it ends in the middle'],
    [`INSERT INTO uacreg VALUES ('a','${'b'.repeat(70_000)}');`, 'it is longer than any row of that table'],
    ["INSERT INTO uacreg (r_username, r_domain) VALUES ('a','not a host');", 'its r_domain is no host name'],
    [
      "INSERT INTO uacreg (r_username, r_domain, auth_proxy) VALUES ('a','b.example','x y');",
      'its auth_proxy is no SIP URI',
    ],
  ])('leaves out %s', (sql, why) => {
    expect(read(`\n${sql}`)).toEqual({
      accounts: [],
      leftOut: [{ path: 'file', line: 2, what: expect.any(String), why }],
    });
  });

  itIsAReader(kamailio, MYSQLDUMP, {
    pieces: [
      "'",
      '"',
      '`',
      '(',
      ')',
      ',',
      ';',
      '\\',
      '\n',
      'INSERT INTO uacreg VALUES ',
      'CREATE TABLE uacreg',
      '--',
      '/*',
      'COPY uacreg FROM stdin;\n',
      '\t',
      "('x',",
    ],
    entry: (index, secret) =>
      `INSERT INTO \`uacreg\` (r_username,r_domain,auth_password,expires) VALUES ('u${index}','pbx.example.com','${secret}',60);\n`,
  });
});

describe('uacreg in db_text', () => {
  it('is read by the columns of its first line', () => {
    expect(read(DB_TEXT)).toEqual({
      accounts: [
        {
          name: 'text1',
          path: 'file',
          line: 2,
          entry: {
            aor: 'sip:carol@example.com',
            outboundProxy: 'sip:edge.example.com:5070',
            password: 'a:b\\c',
            expires: 600,
            contactUser: 'text1',
          },
          notes: [NO_CONTACT],
        },
      ],
      leftOut: [{ path: 'file', line: 3, what: 'a row of uacreg', why: 'it has 3 values for 17 columns' }],
    });
  });

  itIsAReader(kamailio, DB_TEXT, {
    pieces: [':', '\\', '\n', 'a', ' ', 'l_uuid(string)', '(', ')'],
    entry: (index, secret) => `u${index}:pbx.example.com:${secret}:60\n`,
    around: ['r_username(string) r_domain(string) auth_password(string) expires(int)\n', ''],
  });
});

it('is not taken for the table of OpenSIPS', () => {
  for (const text of [MYSQLDUMP, PG_DUMP, PG_DUMP_INSERTS, SQLITE, DB_TEXT]) {
    expect(kamailio.recognises(foreignFile(text))).toBe(true);
    expect(opensips.recognises(foreignFile(text))).toBe(false);
  }
});
