// Colours, for each stream by itself: what is a terminal decides, --color and --no-color overrule it, NO_COLOR and
// FORCE_COLOR are honoured. The only importer of chalk, whose own detection knows neither NO_COLOR nor streams.

import { Chalk, type ChalkInstance } from 'chalk';
import type { ColorChoice } from './settings.ts';

export type Theme = {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly caution: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
};

/** The theme for what is written to `stream`. */
export function themeFor(stream: NodeJS.WriteStream, choice: ColorChoice): Theme {
  const chalk: ChalkInstance = new Chalk({ level: colorLevel(stream, choice) });
  return { good: chalk.green, bad: chalk.red, caution: chalk.yellow, strong: chalk.bold, faint: chalk.dim };
}

function colorLevel(stream: NodeJS.WriteStream, choice: ColorChoice): 0 | 1 {
  if (choice !== 'auto') return choice === 'always' ? 1 : 0;
  const { FORCE_COLOR: force, NO_COLOR: no } = process.env;
  if (force !== undefined && force !== '') return force === '0' ? 0 : 1;
  if (no !== undefined && no !== '') return 0;
  return stream.isTTY && stream.getColorDepth() > 1 ? 1 : 0;
}
