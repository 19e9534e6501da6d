// Completion in the shells themselves: bash and zsh in a terminal, where TAB is pressed; fish says by itself what it would
// offer.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectRoot } from '../../../scripts/setup.mjs';
import { agentScene } from '../../interop/agent-scene.ts';
import { type Home, runSipreg, temporaryHome } from '../../interop/command.ts';
import { isInstalled, missingPrograms } from '../../interop/installed.ts';

let home: Home;
let environment: Readonly<Record<string, string>>;

beforeEach(async () => {
  home = await temporaryHome();
  const bin = join(home.folder, 'bin');
  await mkdir(bin);
  for (const name of ['sipreg', 'check_sipreg']) {
    const line = `exec '${process.execPath}' '${join(projectRoot, `bin/${name}.js`)}' "$@"`;
    await writeFile(join(bin, name), `#!/bin/sh\n${line}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const accounts = {
    office: { aor: 'sip:1@a.test' },
    'ann@home': { aor: 'sip:2@a.test' },
    'ann@work': { aor: 'sip:3@a.test' },
    // Such a file is refused; no part of it gets into a command line.
    '$(touch hacked)': {},
  };
  await home.write('accounts.json', { accounts });
  await writeFile(join(home.folder, 'capture.pcap'), '');
  environment = {
    PATH: `${bin}:${process.env.PATH}`,
    TERM: 'dumb',
    PS1: '$ ',
    ...home.environment,
    SIPREG_CONFIG: join(home.folder, 'accounts.json'),
  };
});

afterEach(() => home.remove());

/** The line before the cursor, and what it has become after TAB. */
const LINES = [
  ['sipreg sta', 'sipreg status '],
  ['sipreg register o', 'sipreg register office '],
  ['sipreg register ann@h', 'sipreg register ann@home '],
  ['sipreg check --format p', 'sipreg check --format prometheus '],
  ['sipreg --color=al', 'sipreg --color=always '],
  ['sipreg trace --pcap cap', 'sipreg trace --pcap capture.pcap '],
  ['sipreg trace --pcap=cap', 'sipreg trace --pcap=capture.pcap '],
  ['check_sipreg off', 'check_sipreg office '],
  ['check_sipreg --format=pro', 'check_sipreg --format=prometheus '],
] as const;

/** Types each line in an interactive shell, presses TAB, and tells what each has become. */
async function pressTab(shell: readonly string[], setUp: string): Promise<readonly string[]> {
  const child = spawn('script', ['-qefc', shell.join(' '), '/dev/null'], {
    cwd: home.folder,
    env: environment,
    stdio: 'pipe',
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const ended = once(child, 'close');
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  /** What has come to the screen since `from`, as soon as `wanted` is in it; after 10 s, whatever it is. */
  const appeared = async (wanted: string, from: number): Promise<string> => {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const text = shown(screen.slice(from));
      if (text.includes(wanted)) return wanted;
      if (child.exitCode !== null || performance.now() > deadline) return text;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  child.stdin.write(`${setUp}; echo rea''dy\r`);
  expect(await appeared('ready', 0)).toBe('ready');
  const found: string[] = [];
  for (const [line, wanted] of LINES) {
    const from = screen.length;
    child.stdin.write(`${line}\t`);
    found.push(await appeared(wanted, from));
    // Control-U throws the line away.
    child.stdin.write('\u0015');
  }
  child.stdin.write('exit\r');
  await ended;
  clearTimeout(limit);
  return found;
}

/** The text as it stands on the screen: a backspace goes back over it, a carriage return to the begin of its line. */
function shown(text: string): string {
  const screen: string[] = [];
  let at = 0;
  let lineStart = 0;
  for (const char of text) {
    if (char === '\b') at -= 1;
    else if (char === '\r') at = lineStart;
    else if (char === '\n') at = lineStart = screen.push(char);
    else screen[at++] = char;
  }
  return screen.join('');
}

const wanted = LINES.map(([, after]) => after);

describe('bash', () => {
  it('completes commands, options, their values, files and accounts', async () => {
    const setUp = 'source <(sipreg completion bash)';
    expect(await pressTab(['bash', '--norc', '--noprofile', '-i'], setUp)).toEqual(wanted);
  });
});

describe.skipIf(!isInstalled('zsh'))(`zsh${missingPrograms('zsh')}`, () => {
  it('completes commands, options, their values, files and accounts', async () => {
    const setUp = 'autoload -Uz compinit; compinit -u -D; source <(sipreg completion zsh)';
    expect(await pressTab(['zsh', '-f', '-i'], setUp)).toEqual(wanted);
  });
});

describe.skipIf(!isInstalled('fish'))(`fish${missingPrograms('fish')}`, () => {
  it('completes commands, options, their values, files and accounts', async () => {
    const questions = LINES.map(([line]) => `complete -C '${line}'`);
    const script = `sipreg completion fish | source; ${questions.join('; ')}`;
    const child = spawn('fish', ['--no-config', '-c', script], { cwd: home.folder, env: environment });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    await once(child, 'close');
    // A value, and behind a tab what it means.
    const values = output
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t')[0]);
    expect(values).toEqual(wanted.map((line) => line.trimEnd().split(' ').at(-1)));
  });
});

describe('what the scripts ask', () => {
  it('is answered in silence, whatever is wrong, and offers no name that is none', async () => {
    const complete = (...words: readonly string[]) =>
      runSipreg(['__complete', ...words], { home, environment });
    const names = 'office\nann@home\nann@work\n';
    expect(await complete('bash', '--', 'sipreg status ')).toMatchObject({
      code: 0,
      stdout: names,
      stderr: '',
    });
    await home.write('broken.json', '{');
    for (const config of ['none.json', 'broken.json']) {
      const result = await complete('bash', '--', `sipreg -c ${home.folder}/${config} status `);
      expect(result).toMatchObject({ code: 0, stdout: '', stderr: '' });
    }
  });

  it('asks the running agent where the file says nothing any more', async () => {
    const accounts = { kept: { aor: 'sip:1@127.0.0.1', registrar: 'sip:127.0.0.1:9' } };
    const config = await home.write('live.json', { accounts });
    const scene = agentScene(home, config);
    const agent = await scene.start();
    try {
      await home.write('live.json', '');
      const words = ['sipreg', '-c', config, '--socket', scene.socket, 'status', ''];
      const { stdout } = await scene.sipreg('__complete', 'fish', '--', ...words);
      expect(stdout).toBe('kept\n');
    } finally {
      agent.kill('SIGKILL');
      await agent.result;
    }
  });
});
