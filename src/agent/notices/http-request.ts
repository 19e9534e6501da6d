// One HTTP request to a URL that is a secret: whoever knows it can write there, so words about it name the host only.
// Redirects are not followed, and of an answer only the status counts.

import type { ClientRequest, RequestOptions } from 'node:http';
import { readUrlRule } from '../../accounts/agent-settings.ts';
import { placeOf, readText, type SecretsIo } from '../../accounts/secrets.ts';
import { wordsOf } from '../../accounts/value-rules.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { TextSource } from '../../core/text-source.ts';
import type { Millis } from '../../core/time.ts';
import type { DeliveryProblem } from './delivery.ts';

export type SecretUrl = {
  /** The URL, read when it is wanted first; the error says in words why there is none. */
  readonly read: () => Promise<Result<URL, string>>;
  /** It did not work: it is read again, because it may have changed. */
  readonly forget: () => void;
};

export type Posting = {
  readonly body: string;
  readonly type: string;
  readonly userAgent: string;
  readonly withinMs: Millis;
  readonly end: AbortSignal;
};

export function secretUrl(source: TextSource, io: SecretsIo): SecretUrl {
  let known: URL | null = null;
  return {
    read: async () => {
      if (known !== null) return success(known);
      const text = await readText(source, io);
      if (!text.ok) return text;
      const complaint = readUrlRule(text.value);
      if (complaint !== null) return failure(`what ${placeOf(source)} gives ${wordsOf(complaint)}`);
      known = new URL(text.value.trim());
      return success(known);
    },
    forget: () => {
      known = null;
    },
  };
}

/** POSTs the body; a status of 2xx is a success. Other 4xx than 408 and 429 are final. */
export async function post(url: URL, posting: Posting): Promise<Result<void, DeliveryProblem>> {
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const { body, type, userAgent, withinMs, end } = posting;
  const headers = {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'User-Agent': userAgent,
    Connection: 'close',
  };
  return await new Promise((resolve) => {
    const refuse = (text: string, isFinal: boolean): void =>
      resolve(failure({ text: `${url.protocol}//${url.host} ${text}`, isFinal }));
    const options: RequestOptions = { method: 'POST', headers, agent: false };
    const sent: ClientRequest = request(url, options, (response) => {
      const status = response.statusCode ?? 0;
      settle();
      if (status >= 200 && status < 300) resolve(success(undefined));
      else refuse(answeredWith(status), status >= 300 && status < 500 && status !== 408 && status !== 429);
      // What it has to say is not read.
      response.destroy();
    });
    const leave = (text: string): void => {
      settle();
      sent.destroy();
      refuse(text, false);
    };
    const overdue = setTimeout(() => leave(`did not answer within ${withinMs / 1000} s`), withinMs).unref();
    const ended = (): void => leave('was left: the agent ends');
    const settle = (): void => {
      clearTimeout(overdue);
      end.removeEventListener('abort', ended);
    };
    end.addEventListener('abort', ended, { once: true });
    // It stays for what comes after the request was left, too.
    sent.on('error', (error: NodeJS.ErrnoException) => {
      settle();
      refuse(`cannot be reached: ${reasonOf(error)}`, false);
    });
    if (end.aborted) ended();
    else sent.end(body);
  });
}

function answeredWith(status: number): string {
  return status >= 300 && status < 400
    ? `answered ${status}, a redirection, which is not followed: write down the URL that it leads to`
    : `answered ${status}`;
}

function reasonOf({ code = '', message }: NodeJS.ErrnoException): string {
  const [, words] = REASONS.find(([codes]) => codes.test(code)) ?? [];
  return words === undefined ? code || message : `${words} (${code})`;
}

/** What Node's codes mean here, and what to do where the URL may be wrong or a CA is missing. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^ECONNRESET$|^EPIPE$/, 'it closed the connection'],
  [/^ENOTFOUND$/, 'there is no such name'],
  [/^EAI_AGAIN$/, 'no DNS server answered'],
  [/^E(?:HOST|NET)UNREACH$/, 'there is no route to it'],
  [/^HPE_/, 'what answers there is not HTTP: check port and scheme'],
  [/^EPROTO$|^ERR_SSL_/, 'there is no TLS with it: check port and scheme'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name'],
  [/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/, 'its certificate is not valid at this time'],
  [
    /^(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|^UNABLE_TO_/,
    'Node trusts nobody who has signed its certificate: NODE_EXTRA_CA_CERTS names the file of a further CA',
  ],
];
