// The agent's TLS files: read when the first account needs them, watched from then on, and told of in the log's words.
// Who waits for files that can be used now, and whose flow still has the former ones, is for the caller to look after.

import { COMMAND_TIMEOUT_MS, readText } from '../accounts/secrets.ts';
import type { AccountSnapshot } from '../core/health/snapshot.ts';
import { stampText } from '../runtime/local-time.ts';
import type { OwnCertificate } from '../runtime/tls/material.ts';
import type {
  ExpiringReport,
  InvalidReport,
  MaterialEvents,
  MaterialHealth,
  MaterialPart,
  MaterialSubject,
  ReloadedReport,
  RepairedReport,
} from '../runtime/tls/material-report.ts';
import type { MaterialStore } from '../runtime/tls/material-store.ts';
import { atPresent } from '../runtime/tls/session-snapshot.ts';
import type { TlsSettings } from '../runtime/tls/settings.ts';
import type { TlsSource } from '../runtime/transport/registry.ts';
import type { AgentEvent, Severity } from './events.ts';

export type TlsWatchOptions = {
  readonly emit: (event: AgentEvent) => void;
  /** The TLS settings of every account that is kept. */
  readonly inUse: () => Iterable<TlsSettings>;
  /** New flows of the accounts concerned use other material than their open ones. */
  readonly superseded: (concerns: MaterialSubject['concerns']) => void;
  /** Files that could not be used can be used now: the accounts concerned need not wait any longer. */
  readonly usable: (concerns: MaterialSubject['concerns']) => void;
  readonly keyLog?: TlsSource['keyLog'];
};

export type TlsWatch = TlsSource & {
  /** null: no flow of these settings has been opened yet. */
  readonly health: (settings: TlsSettings) => MaterialHealth | null;
  /** The snapshot of an account with these settings, its TLS brought up to date. */
  readonly present: <T extends AccountSnapshot>(snapshot: T, settings: TlsSettings) => T;
  /** What has not been usable for a minute or longer, for `status`; each a sentence. */
  readonly problems: () => readonly string[];
  /** Looks at all files at once, in place of at the next poll. */
  readonly checkNow: () => Promise<void>;
  /** After a reload: files that no account names any more are watched no longer. */
  readonly forgetUnused: () => void;
  readonly stop: () => void;
};

/** Watches the files of all accounts. Without TLS accounts nothing is loaded, read or timed. */
export function watchTls(options: TlsWatchOptions): TlsWatch {
  const problems = new Map<string, string>();
  let store: MaterialStore | null = null;
  let loading: Promise<MaterialStore> | null = null;
  let isStopped = false;

  const load = async (): Promise<MaterialStore> => {
    const { createMaterialStore } = await import('../runtime/tls/material-store.ts');
    const io = { env: process.env, commandTimeoutMs: COMMAND_TIMEOUT_MS };
    store = createMaterialStore({
      readSecret: (source) => readText(source, io),
      events: eventsFor(options, problems),
    });
    if (isStopped) store.stop();
    return store;
  };
  return {
    materialFor: async (settings) => {
      loading ??= load();
      return await (await loading).materialFor(settings);
    },
    currentDigest: (settings) => store?.currentDigest(settings) ?? null,
    keyLog: options.keyLog,
    health: (settings) => store?.health(settings) ?? null,
    present: (snapshot, settings) => {
      if (snapshot.tls === null) return snapshot;
      const health = store?.health(settings) ?? null;
      return { ...snapshot, tls: atPresent(snapshot.tls, health, new Date()) };
    },
    problems: () => [...problems.values()],
    checkNow: async () => await store?.checkNow(),
    forgetUnused: () => store?.forgetUnused(options.inUse()),
    stop: () => {
      isStopped = true;
      store?.stop();
    },
  };
}

/** For commands that end by themselves: what is wrong with the files is the verdict of their attempt. */
export function unwatchedTls(keyLog?: TlsSource['keyLog']): TlsWatch {
  const nothing = (): void => {};
  return watchTls({ emit: nothing, inUse: () => [], superseded: nothing, usable: nothing, keyLog });
}

function eventsFor(options: TlsWatchOptions, problems: Map<string, string>): MaterialEvents {
  const { superseded, usable } = options;
  const tell = (severity: Severity, code: string, text: string): void =>
    options.emit({ time: new Date().toISOString(), severity, type: 'agent', code, text });
  const warn = (severity: Severity, code: string, text: string): void =>
    options.emit({ time: new Date().toISOString(), severity, type: 'warning', account: null, code, text });
  const users = ({ concerns }: MaterialSubject): string => usersText(options.inUse(), concerns);
  return {
    reloaded: (report) => {
      tell('notice', 'tls.material-reloaded', `${reloadedText(report)}; ${users(report)}`);
      for (const text of report.warnings) warn('warning', 'tls.material-doubtful', text);
      superseded(report.concerns);
    },
    rewritten: (report) =>
      tell('info', 'tls.material-unchanged', `${filesText(report)} were written again, as they were before`),
    invalid: (report) => {
      const text = `${invalidText(report)}; ${users(report)}`;
      problems.set(filesText(report), text);
      warn('warning', 'tls.material-invalid', text);
    },
    repaired: (report) => {
      problems.delete(filesText(report));
      tell('notice', 'tls.material-repaired', repairedText(report));
    },
    expiring: (report) => {
      const severity = report.level === 'critical' ? 'error' : 'warning';
      warn(severity, 'tls.certificate-expiring', `${expiringText(report)}; ${users(report)}`);
    },
    usable: ({ concerns }) => usable(concerns),
  };
}

function reloadedText(report: ReloadedReport): string {
  const { changed, unchanged, before, after } = report;
  const rest = unchanged.length === 0 ? '' : ` (unchanged: ${listed(unchanged)})`;
  const certificates =
    before?.sha256 === after?.sha256
      ? certificateText(after)
      : `before ${certificateText(before)}, now ${certificateText(after)}`;
  const flows = 'open connections move over at their next refresh, or at once with "sipreg reload --tls"';
  return `reloaded ${listed(changed)}${rest} from ${filesText(report)}: ${certificates}; ${flows}`;
}

/** Since when files cannot be used, why, what that means and what to do. */
export function invalidText(report: InvalidReport): string {
  const { failure, since, hasFormer } = report;
  const effect = hasFormer ? 'the former ones stay in use' : 'no connection is possible without them';
  return `${filesText(report)} cannot be used since ${stampText(since)}: ${failure.cause}; ${effect}; ${failure.advice}`;
}

function repairedText(report: RepairedReport): string {
  return `${filesText(report)} can be used again; they could not since ${stampText(report.since)}`;
}

function expiringText({ own, daysLeft }: ExpiringReport): string {
  const { file, subject, serial, validTo } = own;
  const when = daysLeft > 0 ? `expires in ${daysLeft} days, on ${validTo}` : `expired on ${validTo}`;
  return `our certificate ${file} ("${subject}", serial ${serial}) ${when}: renew it, it is read afresh by itself`;
}

function certificateText(own: OwnCertificate | null): string {
  if (own === null) return 'no certificate of our own';
  return `"${own.subject}", serial ${own.serial}, valid from ${own.validFrom} to ${own.validTo}`;
}

function filesText({ files: { ca, cert, key } }: MaterialSubject): string {
  const system = ca === 'system' ? "the system's CAs" : ca;
  return [cert, key, system].filter((file) => file !== null).join(', ');
}

function usersText(inUse: Iterable<TlsSettings>, concerns: MaterialSubject['concerns']): string {
  const count = [...inUse].filter(concerns).length;
  return count === 1 ? '1 account uses them' : `${count} accounts use them`;
}

function listed(parts: readonly MaterialPart[]): string {
  return parts.join(' and ');
}
