// docs/troubleshooting.md: every failure code with its cause and its remedy, made of the one table of verdicts.

import { FACTS } from '../../src/cli/doctor/fact.ts';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { type Stage, VERDICTS } from '../../src/core/health/verdict.ts';

/** Every stage, in the order in which a registration goes through them, and how to look closer. */
const STAGES: Readonly<Record<Stage, { readonly title: string; readonly words: string }>> = {
  config: {
    title: 'The configuration',
    words:
      '`sipreg config check` names file, line and key of what is wrong. The running agent keeps what it has until the file is right again.',
  },
  secret: {
    title: 'Passwords',
    words:
      "A credential of systemd or a variable of the service is not in your shell: look at it as the service's user, or read the log of the agent.",
  },
  dns: {
    title: 'Names',
    words:
      '`sipreg register ACCOUNT --dry-run` shows the plan of targets: which NAPTR, SRV and address records were found, in which order they are tried. The last good targets are kept while DNS fails.',
  },
  connect: {
    title: 'Connections',
    words:
      'The evidence names the address, the port and the transport. All targets of a name were tried before a registration fails; the failure is that of the last one.',
  },
  tls: {
    title: 'TLS',
    words:
      'The evidence has the names, the dates and the issuer of the certificate that was shown. `openssl s_client -connect HOST:5061 -servername DOMAIN -showcerts` shows the same from outside. No unencrypted target is tried after a TLS failure.',
  },
  register: {
    title: 'What the registrar answers',
    words:
      '`sipreg trace ACCOUNT --last 10` shows the messages, `--ladder` draws them; the reason phrase and a Warning field of the answer are in the cause.\nThe agent keeps the messages in at most 3 MiB of its memory, of each account the last ones: with up to two thousand accounts each has\nat least its last exchange. With more, those whose last request was not answered with success keep theirs longest, in up to half of\nthe room; of the others those that were heard last have theirs.',
  },
  auth: {
    title: 'Credentials',
    words:
      'A wrong password costs two REGISTERs, not a storm: three tries over at least half an hour, then the account is `blocked` and probed every six hours (`retry`). A changed secret file, `sipreg refresh ACCOUNT` or a changed account brings it back at once.\nThat goes on over restarts, and for `register` without an agent: from a script or cron it sends the same credentials until they were rejected so often, then only when the probe is due, and else exits 77 at once and says until when. On a terminal, and with `--force`, it always sends. `check --direct` and `doctor` do not send such credentials, nor do `bindings` and `unregister` from a script.',
  },
  internal: {
    title: 'sipreg itself',
    words: 'No registration ends for it: the agent goes on with the others.',
  },
};

/** The document. */
export function troubleshootingText(): string {
  const codes = Object.entries(VERDICTS);
  const chapters = Object.entries(STAGES).flatMap(([stage, { title, words }]) => {
    const rows = codes
      .filter(([code]) => code.startsWith(`${stage}.`))
      .map(
        ([code, { meaning, remedy, exit }]) =>
          `| \`${code}\` | ${cell(meaning)} | ${cell(remedy)} | ${exit} |`,
      );
    return [
      '',
      `## ${title}`,
      '',
      words,
      '',
      '| code | what happened | what to do | exit |',
      '|---|---|---|---:|',
      ...rows,
    ];
  });
  return `${[...HEAD, ...chapters, ...doctorFacts(), ...exitCodes(), ...SYMPTOMS].join('\n')}\n`;
}

function cell(text: string): string {
  return (text.charAt(0).toUpperCase() + text.slice(1)).replaceAll('|', '\\|');
}

function doctorFacts(): readonly string[] {
  const rows = Object.entries(FACTS).map(([code, meaning]) => `| \`${code}\` | ${cell(meaning)} |`);
  return [
    '',
    '## What `sipreg doctor` looks at',
    '',
    'One fact a line, in this order; what depends on a step that failed is skipped. A failed step has one of the codes above, with its cause and what to do. With `--json` each fact has its code.',
    '',
    '| fact | what it is |',
    '|---|---|',
    ...rows,
  ];
}

function exitCodes(): readonly string[] {
  const rows = EXIT_CODES.map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`);
  return ['', '## Exit codes', '', '| code | meaning |', '|---:|---|', ...rows];
}

const HEAD = [
  '# Troubleshooting',
  '',
  'Made by `node scripts/manual.mjs` from the table in `src/core/health/verdict.ts`; `test/manual.test.ts` fails when it is stale.',
  '',
  'Every failure has a code. It is the same in the output of a command, in `--json`, in `sipreg status`, in the log, on the status',
  'page and in notices, and it stays the same over versions. With it come a cause, which has the evidence of this very failure,',
  'and an advice. Where to look first:',
  '',
  '```sh',
  'sipreg doctor ACCOUNT          # walks from the file to the bindings, one fact a line, and stops where it is broken',
  'sipreg status ACCOUNT          # what the agent knows: state, last failure, next attempt, last events',
  'sipreg trace ACCOUNT --ladder  # the last messages, credentials redacted',
  'sipreg register ACCOUNT -vv    # without an agent: register once, and show every message',
  '```',
];

const SYMPTOMS = [
  '',
  '## Symptoms without a code',
  '',
  '| symptom | what to look at |',
  '|---|---|',
  '| Registered, but calls do not come in | `sipreg bindings ACCOUNT`: is ours there, is its address one that the registrar can reach? Behind a NAT `"nat": "auto"` puts the public address there, and `keepalive` keeps the way open. `sipreg trace ACCOUNT --follow` shows whether the call arrives at all, and what it was answered. Calls are heard only on the flow that registered: an account over UDP listens on no TCP port, so a server that sends long requests by TCP needs `"transport": "tcp"`. |',
  '| Calls come in for some minutes, then no more | The NAT forgets the mapping: a shorter `keepalive.interval`, or a transport with a connection (`tcp`, `tls`). |',
  '| Another device loses its registration | The registrar allows few contacts, or one: `sipreg bindings ACCOUNT` shows who has them. |',
  '| `no agent is running` although it runs | The command looks for another socket: run it as the same user with the same `-c`, or name the socket with `--socket`. `sipreg config path` shows which file is in use. |',
  "| `status` works, `refresh` is refused | Members of `agent.socketGroup` may read. Orders are for the agent's own user and root. |",
  '| A changed file has no effect | `sipreg reload` says what is wrong with it; until it is right the agent keeps what it has. |',
];
