// Colours, for each stream by itself: what is a terminal decides, --color and --no-color overrule it, NO_COLOR and
// FORCE_COLOR are honoured. The colours themselves (colors.ts) are loaded only when there are any to make.

import type { Theme } from './colors.ts';
import type { ColorChoice } from './settings.ts';

/** The theme for what is written to `stream`. */
export async function themeFor(stream: NodeJS.WriteStream, choice: ColorChoice): Promise<Theme> {
  if (!hasColors(stream, choice)) return PLAIN;
  const { colorTheme } = await import('./colors.ts');
  return colorTheme();
}

function hasColors(stream: NodeJS.WriteStream, choice: ColorChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  const { FORCE_COLOR: force, NO_COLOR: no, ...terminal } = process.env;
  if (force !== undefined && force !== '') return force !== '0';
  if (no !== undefined && no !== '') return false;
  // Node takes even an empty NO_COLOR for a no.
  return stream.isTTY && stream.getColorDepth(terminal) > 1;
}

const asItIs = (text: string): string => text;
const PLAIN: Theme = { good: asItIs, bad: asItIs, caution: asItIs, strong: asItIs, faint: asItIs };
