// check_sipreg(8): the monitoring plugin, "sipreg check" under the name that such programs have.

import { commandFacts } from '../../src/cli/command-tree.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { Edition, Page, Section } from './roff.ts';
import { optionList } from './sipreg-page.ts';

/** The page. */
export function pluginPage(edition: Edition): Page {
  const root = commandFacts(createProgram(() => undefined));
  const options = root.commands.find(({ name }) => name === 'check')?.options ?? [];
  return {
    name: 'check_sipreg',
    summary: 'monitoring plugin: are the SIP accounts registered?',
    section: 8,
    edition,
    sections: [
      {
        title: 'SYNOPSIS',
        blocks: ['`check_sipreg` [*options*] [*account*…]', '`sipreg check` [*options*] [*account*…]'],
      },
      DESCRIPTION,
      { title: 'OPTIONS', blocks: [optionList(options), RANGES] },
      STATES,
      OUTPUT,
      EXAMPLES,
      { title: 'SEE ALSO', blocks: ['`sipreg`(1), `accounts.json`(5), docs/monitoring.md of the package.'] },
    ],
  };
}

const RANGES =
  'A *range* is that of the Monitoring Plugins: `10` alerts below 0 and above 10, `10:` below 10, `~:10` above 10, `10:20` outside of both, `@10:20` inside. A *span* is a number of days, `14d`, or a part of the lifetime of the certificate, `33%`.';

const DESCRIPTION: Section = {
  title: 'DESCRIPTION',
  blocks: [
    'For Nagios, Icinga, Naemon, Checkmk and everything that runs their plugins. It asks the running agent, which costs nothing and sends no SIP; without names it looks at every enabled account.',
    '`--direct` needs no agent: it asks the registrar for the bindings, with a REGISTER without Contact, so it changes nothing there. It is OK when the registrar takes the credentials; `--bound` also demands a binding, the one of the `contact` of the account or the last known, else any. `--verify` does both: it asks the agent, and the registrar whether that is true.',
    'It ends in time whatever happens: the wait for SIP ends one second before `-t`.',
  ],
};

const STATES: Section = {
  title: 'EXIT STATUS',
  blocks: [
    {
      list: [
        { term: '`0` OK', blocks: ['Registered; or paused or disabled, because somebody said so.'] },
        {
          term: '`1` WARNING',
          blocks: [
            'A refresh fails while the binding lasts; one flow of several is down; a level of a warning option; a certificate of either side near its end (less than 21 days or a third of its lifetime, whichever is less).',
          ],
        },
        {
          term: '`2` CRITICAL',
          blocks: [
            'Not registered; no agent is running; the registrar is silent or refuses; a certificate at its end (7 days, or a sixth).',
          ],
        },
        {
          term: '`3` UNKNOWN',
          blocks: [
            'Wrong arguments, an unknown account, an agent that does not answer in time, an accounts file or a secret that cannot be read. `--help` and `--version` too, as the guidelines have it.',
          ],
        },
      ],
    },
  ],
};

const OUTPUT: Section = {
  title: 'OUTPUT',
  blocks: [
    'One line, `SIPREG` *STATE*`:` *text* `|` *numbers*; with several accounts a line for each follows, the worst first. The numbers of an account, after its name where several are told:',
    {
      list: [
        { term: '`rtt`', blocks: ['Round trip of the last answered request, seconds.'] },
        { term: '`expires`', blocks: ['What the binding has left, seconds.'] },
        { term: '`cert`', blocks: ['What the certificate that ends first has left, seconds.'] },
        { term: '`bindings`', blocks: ['How many bindings the registrar lists (`--direct`, `--verify`).'] },
        { term: '`registered`', blocks: ['How many accounts are registered, of several.'] },
      ],
    },
    '`--format checkmk` writes a local check, a service for each account; `prometheus` a file for the textfile collector of node_exporter; `json` a document.',
  ],
};

const EXAMPLES: Section = {
  title: 'EXAMPLES',
  blocks: [
    'All accounts of the agent, as the user of the monitoring system, who is in the group of `agent.socketGroup`:',
    { code: ['check_sipreg'] },
    'One account, with levels for the round trip and for the certificate:',
    { code: ['check_sipreg office -w 0.5 -c 2 --cert-warn 14d --cert-crit 3d'] },
    'Without an agent, on another host:',
    { code: ['check_sipreg office --direct --config /etc/sipreg/accounts.json -t 15'] },
    'A command of Nagios:',
    {
      code: [
        'define command {',
        '  command_name  check_sipreg',
        '  command_line  /usr/local/bin/check_sipreg $ARG1$',
        '}',
      ],
    },
  ],
};
