// A final answer that is no success, as a verdict (behaviour.md §10, §11, §14). It decides nothing about what happens
// next: it says what the answer means, with the registrar's own words as evidence.

import { answerInWords, printable, retryAfterOf } from '../health/evidence.ts';
import { type Failure, failureOf, type VerdictCode } from '../health/verdict.ts';
import { headerRows, listValues, optionTags } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';
import { isOfferedByDefault } from './request.ts';

/** The verdict on a final response from 300 on that is no challenge. `forbidden` says how a 403 has to be read. */
export function refusalOf(response: SipResponse, forbidden: 'auth.rejected' | 'register.forbidden'): Failure {
  const code = codeOf(response.status, forbidden);
  const advice = adviceOf(response);
  return failureOf(code, causeOf(response, code), {
    status: response.status,
    reason: printable(response.reason),
    retryAfterSeconds: retryAfterOf(response),
    ...(advice === null ? {} : { advice }),
  });
}

/**
 * What can be done about a status that asks for another request (RFC 3261 §8.1.3.5), when only the operator can change it;
 * null: the advice of the code.
 */
function adviceOf(response: SipResponse): string | null {
  switch (response.status) {
    case 413:
    case 513:
      return 'shorten "headers" and "contactParams": nothing else makes the REGISTER long, for it has no body';
    case 415:
      return 'look for what describes a body in "headers": the REGISTER has none, so nothing can be sent in another form';
    case 416:
      // RFC 5630 §5.1.1: not without somebody's word.
      return 'if "registrar" is a sips: URI, write sip: with "transport": "tls"; sipreg does not give up sips by itself';
    case 421:
      return demandAdvice(optionTags(response.headers, 'Require'));
    default:
      return null;
  }
}

/** RFC 3261 §21.4.15. What sipreg knows it has offered, unless the account keeps it from it. */
function demandAdvice(demanded: readonly string[]): string | null {
  if (demanded.length === 0) return null;
  const unknown = demanded.filter((tag) => !isOfferedByDefault(tag));
  return unknown.length === 0
    ? 'set "outbound" to "auto", and leave out "contact": with a Contact of another host it cannot be offered'
    : `sipreg does not know ${printable(unknown.join(', '))}: ask the provider for a way without it`;
}

/** A 400 or 500 that complains of the CSeq: the registrar remembers a higher one (RFC 3261 §10.3 step 6). */
export function namesCSeq(response: SipResponse): boolean {
  if (response.status !== 400 && response.status !== 500) return false;
  return [response.reason, ...headerRows(response.headers, 'Warning')].some((text) => /c-?seq/i.test(text));
}

function codeOf(status: number, forbidden: VerdictCode): VerdictCode {
  if (status < 400) return 'register.redirected';
  switch (status) {
    case 403:
      return forbidden;
    case 404:
    case 410:
    case 604:
      return 'register.not-found';
    case 420:
    case 421:
    case 439:
      return 'register.extension';
    case 423:
      return 'register.interval';
    case 408:
    case 480:
      return 'register.unavailable';
    default:
      return status >= 500 && status < 600 ? 'register.unavailable' : 'register.rejected';
  }
}

function causeOf(response: SipResponse, code: VerdictCode): string {
  const words = answerInWords(response);
  if (code === 'register.extension') {
    const tags = [...optionTags(response.headers, 'Require'), ...optionTags(response.headers, 'Unsupported')];
    const about = tags.length > 0 ? `, about the extension ${printable(tags.join(', '))}` : '';
    return `the registrar answered ${words}${about}`;
  }
  const accepted = ['Accept', 'Accept-Encoding', 'Accept-Language'].flatMap((name) =>
    listValues(response.headers, name),
  );
  if (response.status === 415 && accepted.length > 0) {
    return `the registrar answered ${words}; it accepts ${printable(accepted.join(', '))}`;
  }
  if (code === 'auth.rejected') {
    return `the registrar answered ${words} to our credentials`;
  }
  return `the registrar answered ${words}`;
}
