// `sipreg completion SHELL` prints the script; `sipreg __complete SHELL -- WORDS` is what the script asks at each TAB. It has to
// be quick, and to stay silent when something is wrong: nobody wants an error in the middle of a line.

import { homedir } from 'node:os';
import { textAtGlance } from '../../accounts/glance.ts';
import { locateAccountsFile } from '../../accounts/location.ts';
import { askAgent } from '../../agent/control/client.ts';
import { agentSocket } from '../agent-in-use.ts';
import type { CommandFacts } from '../command-tree.ts';
import { type Completion, complete, type Whereabouts } from '../completion/candidates.ts';
import { COMPLETION_SCRIPTS, type Shell } from '../completion/scripts.ts';
import { shellWords } from '../completion/shell-words.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

/** Longer than anybody waits for a TAB. */
const AGENT_TIMEOUT_MS = 500;
/** As value-rules.ts has it. No other key of a file that may be wrong gets into somebody's command line. */
const ACCOUNT_NAME = /^[A-Za-z0-9_+@][A-Za-z0-9._+@-]{0,63}$/;

/** Prints the script for `shell`. */
export function completion(shell: Shell): number {
  process.stdout.write(COMPLETION_SCRIPTS[shell]);
  return EXIT.done;
}

/** Prints what may stand at the cursor. `words`: for bash the one line up to the cursor, else the words of it. */
export async function completeWords(
  root: CommandFacts,
  shell: Shell,
  words: readonly string[],
  output: Output,
): Promise<number> {
  const typed = shell === 'bash' ? shellWords(words[0] ?? '') : words;
  const found = await complete(root, typed, (whereabouts) => accountNames(whereabouts, output));
  process.stdout.write(completionText(found, shell));
  return EXIT.done;
}

function completionText(found: Completion, shell: Shell): string {
  if (found.kind === 'files') return ':files\n';
  return found.candidates
    .map(({ value, description }) => {
      // zsh's _describe parts them at the colon, fish at the tab; bash has no place for words.
      if (shell === 'bash' || description === '') return `${shell === 'zsh' ? escapeColons(value) : value}\n`;
      return shell === 'zsh' ? `${escapeColons(value)}:${description}\n` : `${value}\t${description}\n`;
    })
    .join('');
}

function escapeColons(value: string): string {
  return value.replaceAll(':', '\\:');
}

/** The names in the accounts file; of the running agent where this user may not read the file, or there is none. */
async function accountNames({ config, socket }: Whereabouts, output: Output): Promise<readonly string[]> {
  const { path } = locateAccountsFile({ option: expanded(config), env: process.env, home: homedir() });
  const names = namesInFile(path) ?? (await namesOfAgent({ config: expanded(config), socket }, output));
  return names.filter((name) => ACCOUNT_NAME.test(name));
}

/** The shell leaves it to us to read "~/" in a word that it has not run yet. */
function expanded(path: string | undefined): string | undefined {
  return path?.replace(/^~(?=\/)/, homedir());
}

/** Without a check of the file: a mistake elsewhere in it makes no name wrong. null: nothing can be read there. */
function namesInFile(path: string): readonly string[] | null {
  try {
    const document: unknown = JSON.parse(textAtGlance(path) ?? 'null');
    if (typeof document !== 'object' || document === null || !('accounts' in document)) return null;
    const { accounts } = document;
    return typeof accounts === 'object' && accounts !== null ? Object.keys(accounts) : null;
  } catch {
    return null;
  }
}

async function namesOfAgent({ config, socket }: Whereabouts, output: Output): Promise<readonly string[]> {
  try {
    const settings = { ...output.settings, config, socket: expanded(socket) };
    const path = agentSocket({ ...output, settings });
    const timeoutMs = AGENT_TIMEOUT_MS;
    const answer = await askAgent(path, { command: 'status', accounts: [] }, { timeoutMs });
    return answer.ok ? answer.value.items.map(({ account }) => account) : [];
  } catch (error) {
    if (error instanceof CommandError) return [];
    throw error;
  }
}
