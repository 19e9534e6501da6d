import { describe, expect, it } from 'vitest';
import { IMPORT_FORMATS, recognised } from '../../../src/accounts/import/formats.ts';
import { FORMAT_IDS } from '../../../src/accounts/import/reading.ts';
import { foreignFile } from './readers.ts';

const named = (path: string, text: string) => ({ ...foreignFile(text), path });

describe('the formats', () => {
  it('are those that the command line knows', () => {
    expect(IMPORT_FORMATS.map(({ id }) => id)).toEqual([...FORMAT_IDS]);
  });

  it.each([
    ['asterisk-pjsip', named('x', '[a]\ntype = registration ; c\n')],
    ['asterisk-pjsip', named('x', '[a](!)\r\ntype=wizard\r\n')],
    ['asterisk-pjsip', named('/etc/asterisk/pjsip.conf', '#include pjsip_custom.conf\n')],
    ['asterisk-sip', named('/etc/asterisk/sip.conf', '[general]\n')],
    ['asterisk-sip', named('-', '[general]\nregister => 1:p@a.test\n')],
    ['asterisk-sip', named('-', '[a]\ntype=peer\ncallbackextension=1\n')],
    [
      'freeswitch',
      named('x', '<include>\n<gateway name="a"><param name="username" value="b"/></gateway>\n</include>'),
    ],
    ['kamailio', named('x', "INSERT INTO uacreg (l_uuid) VALUES ('a');\n")],
    ['opensips', named('x', "INSERT INTO registrant (registrar) VALUES ('sip:a.test');\n")],
    ['baresip', named('x', '"Ann" <sip:ann@example.com>;auth_pass=x\n')],
    ['linphone', named('x', '[proxy_0]\nreg_proxy=<sip:a.test>\nreg_identity=sip:a@a.test\n')],
    ['resiprocate', named('x', 'sip:a@a.test\tsip:a@192.0.2.1\tpw\ta\t60\n')],
  ])('%s is known by its look', (id, file) => {
    expect(recognised(file).map((format) => format.id)).toEqual([id]);
  });

  it.each([
    ['', 'empty'],
    ['; type=registration\n', 'a comment'],
    ['[a]\nregister => 1:p@a.test\ntype=friend\n', '/etc/asterisk/iax.conf'],
    ['{"accounts": {"a": {"aor": "sip:a@a.test"}}}', 'accounts.json'],
  ])('%j of %s is none', (text, path) => {
    expect(recognised(named(path, text))).toEqual([]);
  });
});
