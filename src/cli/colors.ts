// The colours of a theme. The only importer of chalk, whose own detection knows neither NO_COLOR nor streams, so its
// level is fixed and theme.ts decides.

import { Chalk } from 'chalk';
import type { Theme } from './theme.ts';

export function colorTheme(): Theme {
  const chalk = new Chalk({ level: 1 });
  return { good: chalk.green, bad: chalk.red, caution: chalk.yellow, strong: chalk.bold, faint: chalk.dim };
}
