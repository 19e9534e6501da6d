// `sipreg account add`: from server, user and password to a registered account in a minute. On a terminal it asks for
// what it was not told and offers to try the account at once; elsewhere it takes options and prompts for nothing.

import { text as readAll } from 'node:stream/consumers';
import type { AccountEntry } from '../../accounts/schema.ts';
import { escapeUser, parseUri, type SipUri } from '../../core/sip/uri.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { openPrompt, type Prompt } from '../prompt.ts';
import { typed } from '../settings.ts';
import { expectNewName, storeAccounts } from './account.ts';
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
  await expectNewName(name, output);
  const isInteractive =
    process.stdin.isTTY === true && process.stderr.isTTY === true && !output.settings.json;
  const prompt = isInteractive && options.passwordStdin !== true ? openPrompt() : null;
  try {
    const answers = await answersFrom(options, prompt);
    const path = await storeAccounts({ [name]: entryFrom(answers) }, output);
    if (output.settings.json) output.document({ account: name, path, added: true });
    output.result(`${output.theme.good('✓')} ${output.theme.strong(name)}  added to ${path}`);
    if (prompt === null || !(await prompt.confirm('Try it now?'))) {
      output.note(`register it with ${typed(`register ${name}`, output.settings)}`);
      return EXIT.done;
    }
  } finally {
    prompt?.close();
  }
  const once = {
    watch: false,
    dryRun: false,
    force: false,
    expires: null,
    timeoutSeconds: 40,
    keyLog: null,
  };
  const exit = await register([name], once, output);
  if (exit !== EXIT.done) {
    const anew = typed(`account remove ${name}`, output.settings);
    output.note(`${name} stays in the accounts file: change it there, or ${anew} and add it anew`);
  }
  return exit;
}

async function answersFrom(options: Options, prompt: Prompt | null): Promise<Answers> {
  const server =
    textOf(options.server) ??
    (await ask(prompt, 'SIP server (name or address)', '--server', (answer) => registrarOf(answer)));
  const user =
    textOf(options.user) ??
    (await ask(prompt, 'User (or the whole sip: address)', '--user', (answer) => aorOf(answer, server)));
  const password =
    options.passwordStdin === true
      ? withoutLineBreak(await readAll(process.stdin))
      : prompt === null
        ? null
        : await prompt.secret('Password');
  return { server, user, password, transport: textOf(options.transport) };
}

/** An answer that `read` can make nothing of is told so, and asked for again. */
async function ask(
  prompt: Prompt | null,
  question: string,
  option: string,
  read: (answer: string) => unknown,
): Promise<string> {
  if (prompt === null) {
    throw new CommandError(
      EXIT.usage,
      `without a terminal ${option} is needed (see "sipreg account add --help")`,
    );
  }
  for (;;) {
    const answer = (await prompt.line(question)).trim();
    if (answer === '') continue;
    try {
      read(answer);
      return answer;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      prompt.say(error.message);
    }
  }
}

function entryFrom({ server, user, password, transport }: Answers): AccountEntry {
  const registrar = registrarOf(server).text;
  const aor = aorOf(user, server);
  const isPlain = registrar === `${aor.uri.scheme}:${aor.uri.host}`;
  return {
    aor: aor.text,
    ...(isPlain ? {} : { registrar }),
    ...(password === null ? {} : { password }),
    ...(transport === null ? {} : { transport: transport as NonNullable<AccountEntry['transport']> }),
  };
}

type NamedUri = { readonly text: string; readonly uri: SipUri };

function registrarOf(server: string): NamedUri {
  return named(/^sips?:/i.test(server) ? server : `sip:${hostText(server)}`, `"${server}" is no SIP server`);
}

function aorOf(user: string, server: string): NamedUri {
  const { scheme, host } = registrarOf(server).uri;
  const text = /^sips?:/i.test(user)
    ? user
    : user.includes('@')
      ? `${scheme}:${user}`
      : `${scheme}:${escapeUser(user)}@${host}`;
  return named(text, `"${user}" is no SIP user`);
}

function named(text: string, complaint: string): NamedUri {
  const parsed = parseUri(text);
  if (!parsed.ok) throw new CommandError(EXIT.usage, `${complaint}: ${parsed.error.message}`);
  return { text, uri: parsed.value };
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
