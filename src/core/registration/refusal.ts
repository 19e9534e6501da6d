// A final answer that is no success, as a verdict (behaviour.md §10, §11, §14). It decides nothing about what happens
// next: it says what the answer means, with the registrar's own words as evidence.

import { answerInWords, printable, retryAfterOf } from '../health/evidence.ts';
import { type Failure, failureOf, type VerdictCode } from '../health/verdict.ts';
import { headerRows, optionTags } from '../sip/headers.ts';
import type { SipResponse } from '../sip/message.ts';

/** The verdict on a final response from 300 on that is no challenge. `forbidden` says how a 403 has to be read. */
export function refusalOf(response: SipResponse, forbidden: 'auth.rejected' | 'register.forbidden'): Failure {
  const code = codeOf(response.status, forbidden);
  return failureOf(code, causeOf(response, code), {
    status: response.status,
    reason: printable(response.reason),
    retryAfterSeconds: retryAfterOf(response),
  });
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
  if (code === 'auth.rejected') {
    return `the registrar answered ${words} to credentials that it has never accepted`;
  }
  return `the registrar answered ${words}`;
}
