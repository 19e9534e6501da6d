// `sipreg account add`: from server, user and password to a registered account in a minute. On a terminal it asks for
// what it was not told and offers to try the account at once; elsewhere it takes options and prompts for nothing.

import { text as readAll } from 'node:stream/consumers';
import type { AccountEntry } from '../../accounts/schema.ts';
import { escapeUser, parseUri } from '../../core/sip/uri.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { openPrompt, type Prompt } from '../prompt.ts';
import { storeAccount } from './account.ts';
import { register } from './register.ts';

type Options = Readonly<Record<string, string | boolean | undefined>>;

type Answers = {
  readonly server: string;
  readonly user: string;
  /** null: the account has none. */
  readonly password: string | null;
  readonly transport: string | null;
};

export async function addAccountCommand(name: string, options: Options, output: Output): Promise<number> {
  const isInteractive =
    process.stdin.isTTY === true && process.stderr.isTTY === true && !output.settings.json;
  const prompt = isInteractive && options.passwordStdin !== true ? openPrompt() : null;
  try {
    const answers = await answersFrom(options, prompt);
    const path = await storeAccount(name, entryFrom(answers), output);
    if (output.settings.json) output.document({ account: name, path, added: true });
    output.result(`${output.theme.good('✓')} ${output.theme.strong(name)}  added to ${path}`);
    if (prompt === null || !(await prompt.confirm('Try it now?'))) {
      output.note(`register it with "sipreg register ${name}"`);
      return EXIT.done;
    }
  } finally {
    prompt?.close();
  }
  const once = { watch: false, dryRun: false, expires: null, timeoutSeconds: 40, keyLog: null };
  return await register([name], once, output);
}

async function answersFrom(options: Options, prompt: Prompt | null): Promise<Answers> {
  const server = textOf(options.server) ?? (await ask(prompt, 'SIP server (name or address)', '--server'));
  const user = textOf(options.user) ?? (await ask(prompt, 'User (or the whole sip: address)', '--user'));
  const password =
    options.passwordStdin === true
      ? withoutLineBreak(await readAll(process.stdin))
      : prompt === null
        ? null
        : await prompt.secret('Password');
  return { server, user, password, transport: textOf(options.transport) };
}

async function ask(prompt: Prompt | null, question: string, option: string): Promise<string> {
  if (prompt === null) {
    throw new CommandError(
      EXIT.usage,
      `without a terminal ${option} is needed (see "sipreg account add --help")`,
    );
  }
  for (;;) {
    const answer = (await prompt.line(question)).trim();
    if (answer !== '') return answer;
  }
}

function entryFrom({ server, user, password, transport }: Answers): AccountEntry {
  const registrar = /^sips?:/i.test(server) ? server : `sip:${hostText(server)}`;
  const parsed = parseUri(registrar);
  if (!parsed.ok) throw new CommandError(EXIT.usage, `"${server}" is no SIP server: ${parsed.error.message}`);
  const { scheme, host } = parsed.value;
  const aor = /^sips?:/i.test(user)
    ? user
    : user.includes('@')
      ? `${scheme}:${user}`
      : `${scheme}:${escapeUser(user)}@${host}`;
  const domain = parseUri(aor);
  if (!domain.ok) throw new CommandError(EXIT.usage, `"${user}" is no SIP user: ${domain.error.message}`);
  const isPlain = registrar === `${domain.value.scheme}:${domain.value.host}`;
  return {
    aor,
    ...(isPlain ? {} : { registrar }),
    ...(password === null ? {} : { password }),
    ...(transport === null ? {} : { transport: transport as NonNullable<AccountEntry['transport']> }),
  };
}

/** A bare IPv6 address gets its brackets. */
function hostText(server: string): string {
  return server.split(':').length > 2 && !server.startsWith('[') ? `[${server}]` : server;
}

function textOf(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function withoutLineBreak(text: string): string {
  return text.replace(/\r?\n$/, '');
}
