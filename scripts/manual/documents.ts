// Everything that is generated for readers, by its path in the project.

import { accountsPage } from './accounts-page.ts';
import { pluginPage } from './plugin-page.ts';
import { manPage } from './roff.ts';
import { sipregPage } from './sipreg-page.ts';
import { troubleshootingText } from './troubleshooting.ts';

/** When somebody last went through the words of the manual pages. */
const REVISED = '2026-11-21';

/** The documents of this version. */
export function documents(version: string): Readonly<Record<string, string>> {
  const edition = { source: `sipreg ${version}`, revised: REVISED };
  return {
    'man/sipreg.1': manPage(sipregPage(edition)),
    'man/accounts.json.5': manPage(accountsPage(edition)),
    'man/check_sipreg.8': manPage(pluginPage(edition)),
    'docs/troubleshooting.md': troubleshootingText(),
  };
}
