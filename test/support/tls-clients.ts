// A client for tests of TLS handshakes: flows with chosen settings, CAs and certificates, and the verdicts of those
// that fail. Everything it opens, and every server it is given, ends with `stop`.

import type { Failure } from '../../src/core/health/verdict.ts';
import type { Result } from '../../src/core/result.ts';
import type { KeyLog } from '../../src/runtime/tls/key-log.ts';
import { makeMaterial } from '../../src/runtime/tls/material.ts';
import { DEFAULT_TLS_SETTINGS, type TlsSettings } from '../../src/runtime/tls/settings.ts';
import type { Flow, FlowRequest } from '../../src/runtime/transport/flow.ts';
import { FLOW_LIMITS, type FlowLimits } from '../../src/runtime/transport/limits.ts';
import { openTlsFlow } from '../../src/runtime/transport/tls.ts';
import type { IssuedCertificate } from './certificates.ts';
import { type Recorder, recordFlows, requestTo, until } from './flows.ts';
import type { TestServer } from './tls-servers.ts';

export type TlsClient = {
  readonly settings?: Partial<TlsSettings>;
  /** The only CA; null: those of Node. Default: the authority of the test. */
  readonly trusted?: IssuedCertificate | null;
  readonly own?: IssuedCertificate;
  /** The time at which our own certificate is judged. */
  readonly now?: Date;
  readonly request?: Partial<FlowRequest>;
  readonly limits?: Partial<FlowLimits>;
  readonly recorder?: Recorder;
  readonly keyLog?: KeyLog;
};

export type TlsClients = {
  /** Adds a server to what `stop` ends. */
  readonly running: <Server extends TestServer>(starting: Promise<Server>) => Promise<Server>;
  readonly flowTo: (port: number, client?: TlsClient) => Promise<Flow>;
  /** The verdict of a handshake that fails. */
  readonly refusal: (port: number, client?: TlsClient) => Promise<Failure>;
  /** The same, also when the flow opens first and closes then. */
  readonly laterRefusal: (port: number, client?: TlsClient) => Promise<Failure>;
  readonly stop: () => Promise<void>;
};

/** Clients that trust `authority`. */
export function makeTlsClients(authority: IssuedCertificate): TlsClients {
  const started: TestServer[] = [];
  const open: Flow[] = [];

  async function running<Server extends TestServer>(starting: Promise<Server>): Promise<Server> {
    const server = await starting;
    started.push(server);
    return server;
  }

  async function stop(): Promise<void> {
    for (const flow of open.splice(0)) flow.close();
    await Promise.all(started.splice(0).map((server) => server.stop()));
  }

  async function attempt(port: number, client: TlsClient = {}): Promise<Result<Flow, Failure>> {
    const settings: TlsSettings = { ...DEFAULT_TLS_SETTINGS, ...client.settings };
    const trusted = client.trusted === undefined ? authority : client.trusted;
    const pem = (path: string, text: string) => ({ path, text, isSystems: false });
    const files = {
      authorities: trusted === null ? [] : [pem('ca.pem', trusted.certificate)],
      certificate: client.own === undefined ? null : pem('own.pem', client.own.certificate),
      key: client.own === undefined ? null : pem('own.key', client.own.key),
      warnings: [],
    };
    const material = makeMaterial(files, settings, client.now ?? new Date());
    if (!material.ok) throw new Error(material.error.cause);
    const request = requestTo(port, { transport: 'tls', ...client.request });
    const recorder = client.recorder ?? recordFlows();
    const limits = { ...FLOW_LIMITS, ...client.limits };
    const opened = await openTlsFlow(
      request,
      recorder.events,
      { settings, material: material.value, keyLog: client.keyLog },
      limits,
    );
    if (opened.ok) open.push(opened.value);
    return opened;
  }

  async function flowTo(port: number, client: TlsClient = {}): Promise<Flow> {
    const opened = await attempt(port, client);
    if (!opened.ok) throw new Error(`${opened.error.code}: ${opened.error.cause}`);
    return opened.value;
  }

  async function refusal(port: number, client: TlsClient = {}): Promise<Failure> {
    const opened = await attempt(port, client);
    if (opened.ok) throw new Error('the flow is open');
    return opened.error;
  }

  async function laterRefusal(port: number, client: TlsClient = {}): Promise<Failure> {
    const recorder = recordFlows();
    const opened = await attempt(port, { ...client, recorder });
    if (!opened.ok) return opened.error;
    await until(() => recorder.closed.length > 0);
    const [closed] = recorder.closed;
    if (closed === undefined) throw new Error('not closed');
    return closed.failure;
  }

  return { running, flowTo, refusal, laterRefusal, stop };
}
