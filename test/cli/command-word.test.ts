import { expect, it } from 'vitest';
import { commandOf } from '../../src/cli/command-word.ts';

it.each([
  [['status'], 'status'],
  [['-q', '--json', 'status', 'register'], 'status'],
  [['-c', 'check', 'register', 'check'], 'register'],
  [['-qvc', 'check', '--socket', 'run', '--color', 'never', 'register'], 'register'],
  [['--config=check', '-ccheck', '--no-color', '-vv', 'register'], 'register'],
  [['--version'], null],
  [['-c', 'status'], null],
  [[], null],
])('the command of %j is %s', (args, command) => {
  expect(commandOf(args)).toBe(command);
});
