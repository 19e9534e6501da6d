// sipreg(1): the commands as the program has them, and around them what --help has no room for.

import { type CommandFacts, commandFacts, type OptionFacts } from '../../src/cli/command-tree.ts';
import { EXAMPLES } from '../../src/cli/examples.ts';
import { EXIT_CODES, SEVERAL_ACCOUNTS } from '../../src/cli/exit-codes.ts';
import { createProgram } from '../../src/cli/program.ts';
import { VERDICTS } from '../../src/core/health/verdict.ts';
import type { Block, Edition, ListItem, Page, Section } from './roff.ts';

/** What a command does beyond its line in --help. Every sentence was tried. */
const DETAILS: Readonly<Record<string, readonly string[]>> = {
  register: [
    'The binding stays when the command ends; nobody answers calls there until somebody listens, so it is for accounts whose `contact` is another host, or for a first try. `--watch` stays, refreshes, answers what comes in, and removes the binding at SIGINT or SIGTERM.',
    'While a running agent owns the account this is `refresh`, and it says so; `--watch` ends with 75 then.',
  ],
  unregister: ['While a running agent owns the account this is `pause`, and it says so.'],
  bindings: ['A REGISTER without Contact, under a Call-ID of its own. It takes no lock and writes no state.'],
  run: [
    'It stays in the foreground; systemd or a terminal keeps it. Events go to stderr, with priorities where journald reads it; with `--json` they go to stdout as NDJSON, one object a line.',
  ],
  status: [
    '`--exit-code` makes it 1 when an account is down. With names everything known of each account is shown, its last events included.',
  ],
  check: ['See `check_sipreg`(8).'],
  doctor: [
    'It walks from the accounts file over secrets, DNS, connections, TLS, OPTIONS and a REGISTER without Contact to the bindings and the NAT, one fact a line, each with a stable code. What depends on a step that failed is skipped; each failure comes with its cause and the next step. It exits 1 when a step failed.',
  ],
  'account import': [
    'It reads `pjsip.conf`, `pjsip_wizard.conf` and `sip.conf` of Asterisk with what they include, gateways of FreeSWITCH, dumps of the tables `uacreg` of Kamailio and `registrant` of OpenSIPS, `accounts` of baresip, `linphonerc`, and `users.txt` of registrationAgent of reSIProcate. All accounts are added in one write, or none; passwords go into the file, and are never shown. What could not be taken along is told below each account.',
    'An account that is there already is left as it is, so that it may be run again. What became no account is told with its place and why, and the exit status is 78; the rest is written all the same. Nothing is sent to a registrar.',
  ],
  reload: [
    'The whole file is checked first, and then only the difference is carried out: unchanged accounts send nothing, changed ones register anew before anything old is removed, removed ones are unregistered with their old identity.',
  ],
  pause: ['Kept in the state directory until `resume`.'],
  trace: [
    'They are in the memory of the agent, of each account the last ones. TLS contents too: the agent has the plain text. The capture file has the real addresses and ports, and what was encrypted as plain TCP, so that programs read it without keys.',
  ],
};

/** The page. */
export function sipregPage(edition: Edition): Page {
  const root = commandFacts(createProgram(() => undefined));
  return {
    name: 'sipreg',
    summary: 'keep SIP registrations alive and tell the truth about them',
    section: 1,
    edition,
    sections: [
      { title: 'SYNOPSIS', blocks: ['`sipreg` [*options*] *command* [*arguments*]'] },
      DESCRIPTION,
      {
        title: 'OPTIONS',
        blocks: [
          'They may stand before or after the command; only after `check`, where `-c` is the critical range of a plugin, the accounts file is `--config`.',
          optionList(root.options),
        ],
      },
      { title: 'COMMANDS', blocks: commandBlocks(root) },
      exitStatus(),
      failures(),
      SIGNALS,
      ENVIRONMENT,
      FILES,
      SEE_ALSO,
    ],
  };
}

function commandBlocks(root: CommandFacts): readonly Block[] {
  const shown = root.commands.filter(({ isHidden }) => !isHidden);
  const groups = [...new Set(shown.map(({ group }) => group))];
  return groups.flatMap((group) => [
    { heading: group.replace(/:$/, '') },
    { list: shown.filter((one) => one.group === group).flatMap((one) => commandItems(one, [])) },
  ]);
}

/** A command, or each of those below it. */
function commandItems(command: CommandFacts, above: readonly string[]): readonly ListItem[] {
  const path = [...above, command.name];
  if (command.commands.length > 0) return command.commands.flatMap((child) => commandItems(child, path));
  const name = path.join(' ');
  const examples = (EXAMPLES[name] ?? []).flatMap(({ line, why }) => [`# ${why}`, line]);
  // The plugin's options have a page of their own.
  const options = name === 'check' ? [] : command.options;
  const blocks: Block[] = [
    sentence(command.description),
    ...(DETAILS[name] ?? []),
    ...(options.length === 0 ? [] : [optionList(options)]),
    ...(examples.length === 0 ? [] : [{ code: examples }]),
  ];
  return [{ term: `\`${name}\`${synopsisOf(command)}`, blocks }];
}

function synopsisOf({ arguments: args, options }: CommandFacts): string {
  const words = args.map(({ name, isRequired, isVariadic, choices }) => {
    const word =
      choices === null ? `*${name}*${isVariadic ? '…' : ''}` : choices.map((one) => `\`${one}\``).join('|');
    return isRequired ? word : `[${word}]`;
  });
  return [...(options.length === 0 ? [] : [' [*options*]']), ...words.map((word) => ` ${word}`)].join('');
}

/** The options, with what their values may be. */
export function optionList(options: readonly OptionFacts[]): Block {
  return {
    list: options.map((option) => {
      const flags = [option.short, option.long].filter((flag) => flag !== null).map((flag) => `\`${flag}\``);
      const value = option.value === null ? '' : ` *${option.value}*`;
      return { term: `${flags.join(', ')}${value}`, blocks: [optionText(option)] };
    }),
  };
}

function optionText({ description, choices, preset }: OptionFacts): string {
  const words = choices === null ? '' : `: ${choices.map((one) => `\`${one}\``).join(', ')}`;
  const without = preset === null ? '' : ` (${preset})`;
  return sentence(`${description}${words}${without}`);
}

function sentence(text: string): string {
  const begun = /^(?!sipreg\b)[a-z]+\b(?! \()/.test(text)
    ? text.charAt(0).toUpperCase() + text.slice(1)
    : text;
  return /[.?!]$/.test(begun) ? begun : `${begun}.`;
}

function exitStatus(): Section {
  const list = EXIT_CODES.map(([code, meaning]) => ({ term: `\`${code}\``, blocks: [sentence(meaning)] }));
  return {
    title: 'EXIT STATUS',
    blocks: [
      { list },
      SEVERAL_ACCOUNTS,
      '`check` has the codes of a monitoring plugin: see `check_sipreg`(8).',
    ],
  };
}

function failures(): Section {
  return {
    title: 'FAILURES',
    blocks: [
      'Each failure has a code that stays the same over versions: in the output, in `--json`, in the log, in the notices. The exit status of the command follows it.',
      {
        list: Object.entries(VERDICTS).map(([code, { exit, meaning, remedy }]) => ({
          term: `\`${code}\` (${exit})`,
          blocks: [`${sentence(meaning)} ${sentence(remedy)}`],
        })),
      },
    ],
  };
}

const DESCRIPTION: Section = {
  title: 'DESCRIPTION',
  blocks: [
    '`sipreg` registers SIP accounts at their registrars (RFC 3261, section 10) and keeps them registered: trunks of a PBX, extensions, doors, fax gateways. It answers digest challenges, finds servers by DNS (RFC 3263), speaks UDP, TCP, TLS and WebSocket, gets along with NAT, and for every failure it says what happened, why, and what to do.',
    'One-shot commands do one thing and end. The agent, `sipreg run`, keeps all accounts of a file registered; `status`, `refresh`, `pause` and their like talk to it through a socket. Results go to standard output, everything else to standard error. Nothing prompts without a terminal, and no output ever holds a password or a digest response.',
    'Accounts are in a JSON file, see `accounts.json`(5).',
  ],
};

const SIGNALS: Section = {
  title: 'SIGNALS',
  blocks: [
    'Of `sipreg run`; those that end it end `register --watch` in the same way.',
    {
      list: [
        {
          term: 'SIGTERM, SIGINT',
          blocks: [
            'The bindings are removed (`--keep-bindings` leaves them), and it ends with 0 within 10 seconds. What could not be removed is told. The second such signal ends it at once, with 143 or 130.',
          ],
        },
        {
          term: 'SIGHUP',
          blocks: ['The accounts file is read again, as by `sipreg reload`; the outcome is told in the log.'],
        },
      ],
    },
  ],
};

const ENVIRONMENT: Section = {
  title: 'ENVIRONMENT',
  blocks: [
    {
      list: [
        { term: '`SIPREG_CONFIG`', blocks: ['The accounts file, where `--config` is not given.'] },
        { term: '`SIPREG_SOCKET`', blocks: ["The agent's control socket, where `--socket` is not given."] },
        {
          term: '`XDG_CONFIG_HOME`, `XDG_STATE_HOME`, `XDG_RUNTIME_DIR`',
          blocks: ["Where the user's own store, state and socket are."],
        },
        {
          term: '`STATE_DIRECTORY`, `RUNTIME_DIRECTORY`, `CREDENTIALS_DIRECTORY`, `JOURNAL_STREAM`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`',
          blocks: ['Set by systemd, see `systemd.exec`(5) and `sd_notify`(3).'],
        },
        {
          term: '`NO_COLOR`, `FORCE_COLOR`',
          blocks: ['No colours, or colours even without a terminal. `--color` decides before them.'],
        },
        {
          term: '`SSLKEYLOGFILE`',
          blocks: ['Used only by `--tls-keylog SSLKEYLOGFILE`; alone it does nothing.'],
        },
      ],
    },
  ],
};

const FILES: Section = {
  title: 'FILES',
  blocks: [
    {
      list: [
        {
          term: '`~/.config/sipreg/accounts.json`',
          blocks: ["The user's own store, 0600; `account add` makes it."],
        },
        {
          term: '`/etc/sipreg/accounts.json`',
          blocks: ["The system's accounts, used where the user has no store."],
        },
        {
          term: '`/var/lib/sipreg/`, else `~/.local/state/sipreg/`',
          blocks: [
            'What has to survive: Call-IDs and sequence numbers (`state.json`), the history of a week (`history.ndjson`). The first for accounts in /etc.',
          ],
        },
        {
          term: '`/run/sipreg/agent.sock`, else `$XDG_RUNTIME_DIR/sipreg/agent.sock`',
          blocks: ['The control socket of the agent, 0600, or 0660 with `agent.socketGroup`.'],
        },
      ],
    },
  ],
};

const SEE_ALSO: Section = {
  title: 'SEE ALSO',
  blocks: [
    '`accounts.json`(5), `check_sipreg`(8), `systemd.service`(5), and the folder docs of the package: operations.md, monitoring.md, troubleshooting.md.',
  ],
};
