// What to type: shown below --help and in the manual pages. Each line was run.

export type Example = { readonly line: string; readonly why: string };

/** By command, as one types it after "sipreg". */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  register: [
    { line: 'sipreg register office', why: 'register once' },
    { line: 'sipreg register office --watch', why: 'stay registered until Ctrl-C' },
    { line: 'sipreg register office --dry-run', why: 'see what would be sent, and where to' },
    { line: 'sipreg register office -vv', why: 'see every SIP message, credentials redacted' },
  ],
  unregister: [
    { line: 'sipreg unregister office', why: 'remove what sipreg has bound' },
    { line: 'sipreg unregister office --all-bindings', why: 'remove other devices too' },
  ],
  bindings: [
    { line: 'sipreg bindings office', why: 'who is registered there' },
    { line: "sipreg bindings office --json | jq '.accounts[0].bindings'", why: 'for a script' },
  ],
  run: [
    { line: 'sipreg run', why: 'keep every enabled account registered' },
    { line: 'sipreg -c ./accounts.json run office', why: 'one account of another file' },
    { line: 'sipreg run --json >> sipreg.ndjson', why: 'events for a program, one a line' },
  ],
  status: [
    { line: 'sipreg status', why: 'a line for each account' },
    { line: 'sipreg status office', why: 'everything about one' },
    { line: 'sipreg status --watch', why: 'stay and look' },
    { line: 'sipreg status --exit-code > /dev/null || echo "something is down"', why: 'for a script' },
  ],
  trace: [
    { line: 'sipreg trace office --last 6 --ladder', why: 'the last messages as a picture' },
    { line: 'sipreg trace --follow', why: 'watch them pass' },
    { line: 'sipreg trace office --pcap office.pcap', why: 'for Wireshark or sngrep' },
  ],
  reload: [
    { line: 'sipreg config check && sipreg reload', why: 'after a change of the accounts file' },
    { line: 'sipreg reload --tls', why: 'after a renewal of certificates, without waiting' },
  ],
  check: [
    { line: 'sipreg check', why: 'all accounts of the running agent' },
    { line: 'sipreg check office -w 0.5 -c 2', why: 'one, with levels for the round trip in seconds' },
    { line: 'sipreg check office --direct', why: 'no agent needed: asks the registrar' },
    {
      line: 'sipreg check --format prometheus --outfile /var/lib/prometheus/node-exporter/sipreg.prom',
      why: "for node_exporter's textfile collector",
    },
  ],
  doctor: [
    { line: 'sipreg doctor office', why: 'from the file to the bindings, one fact a line' },
    { line: 'sipreg doctor --all --json', why: 'every enabled account, for a bug report' },
    { line: 'sipreg doctor office --no-register', why: 'without trying the password' },
  ],
  'account add': [
    { line: 'sipreg account add office', why: 'asks for what it needs' },
    {
      line: 'sipreg account add office --server pbx.example.com --user 1008 --password-stdin < secret',
      why: 'asks nothing',
    },
  ],
  'account import': [
    { line: 'sipreg account import /etc/asterisk/pjsip.conf --dry-run', why: 'see what would become of it' },
    {
      line: 'sipreg account import /etc/freeswitch/sip_profiles/external/*.xml',
      why: 'several files, in one write',
    },
    { line: 'mysqldump kamailio uacreg | sipreg account import -', why: 'of a database, without a file' },
  ],
  'config schema': [{ line: 'sipreg config schema > accounts.schema.json', why: 'for an editor' }],
  completion: [
    { line: 'source <(sipreg completion bash)', why: 'bash or zsh, for this session' },
    { line: 'sipreg completion bash > /etc/bash_completion.d/sipreg', why: 'bash, for everybody' },
    { line: 'sipreg completion zsh > "$fpath[1]/_sipreg"', why: 'zsh, for good' },
    { line: 'sipreg completion fish > ~/.config/fish/completions/sipreg.fish', why: 'fish, for good' },
  ],
};

/** As much of commander's Command as is read and told here: its only importer is program.ts. */
type HelpedCommand = {
  readonly commands: readonly HelpedCommand[];
  readonly name: () => string;
  readonly addHelpText: (position: 'after', text: string) => unknown;
  readonly showHelpAfterError: (text: string) => unknown;
};

/** Adds to the help of all commands of `program` what to type, and where the rest is told; and to their errors where that is. */
export function addAfterHelp(program: HelpedCommand, path = ''): void {
  for (const command of program.commands) {
    const own = `${path} ${command.name()}`.trim();
    command.addHelpText('after', `\n${afterHelp(own)}`);
    command.showHelpAfterError(`(see "sipreg ${own} --help")`);
    addAfterHelp(command, own);
  }
}

function afterHelp(path: string): string {
  const examples = EXAMPLES[path] ?? [];
  const lines = examples.flatMap(({ line, why }) => [`  ${line}`, `      ${why}`]);
  const shown = lines.length === 0 ? [] : ['Examples:', ...lines, ''];
  // `check` has taken the global options for its own, and has other exit codes.
  const elsewhere =
    path === 'check' ? [] : ['Options of all commands: sipreg --help. Exit codes: sipreg exit-codes.'];
  return [...shown, ...elsewhere].join('\n').trimEnd();
}
