// The colours of a theme. The only importer of chalk, whose own detection knows neither NO_COLOR nor streams, so its
// level is fixed and theme.ts decides.

import { Chalk } from 'chalk';

export type Theme = {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly caution: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
};

export function colorTheme(): Theme {
  const chalk = new Chalk({ level: 1 });
  return { good: chalk.green, bad: chalk.red, caution: chalk.yellow, strong: chalk.bold, faint: chalk.dim };
}
