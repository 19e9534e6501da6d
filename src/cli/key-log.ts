// `--tls-keylog FILE`: the secrets of TLS sessions, written down for Wireshark because somebody asked for it by name. The
// environment variable SSLKEYLOGFILE alone does nothing: whoever can set it must not get at every session.

import type { KeyLog } from '../runtime/tls/key-log.ts';
import { CommandError, EXIT } from './exit.ts';
import type { Output } from './output.ts';

export type KeyLogInUse = { readonly write: KeyLog | undefined; readonly close: () => void };

/** Opens the file, and says loudly what that means; null: nobody asked for it. */
export async function keyLogInUse(option: string | null, output: Output): Promise<KeyLogInUse> {
  if (option === null) return { write: undefined, close: () => {} };
  const { keyLogPath, openKeyLog } = await import('../runtime/tls/key-log.ts');
  const path = keyLogPath(option, process.env);
  if (path === null) {
    throw new CommandError(EXIT.usage, '--tls-keylog names $SSLKEYLOGFILE, but that variable is not set');
  }
  const opened = openKeyLog(path, (reason) => output.warning(reason));
  if (!opened.ok) throw new CommandError(EXIT.noInput, opened.error);
  output.warning(
    `--tls-keylog: whoever reads ${path} reads every TLS connection of this command, digest responses included; delete it when you are done`,
  );
  return opened.value;
}
