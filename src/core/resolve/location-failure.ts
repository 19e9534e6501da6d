// Why a hop has no target, as a verdict: what was asked, who was asked, and whether "no" was the answer or there was none.

import { type Failure, failureOf } from '../health/verdict.ts';
import { hasAddresses } from './addresses.ts';
import type { Answer, Answers, Question, Unanswered } from './question.ts';
import type { Server } from './server.ts';

/** Whether the failure may be over the next time somebody asks; an answer "no" is not of that kind. */
export function isTemporary({ code }: Failure): boolean {
  return code === 'dns.timeout' || code === 'dns.failed';
}

/** No answer to a question that decides where the request goes. */
export function unansweredFailure(question: Question, { code, reason }: Unanswered, asked: string): Failure {
  const what = `the ${question.type} records of "${question.name}"`;
  const cause =
    code === 'dns.timeout'
      ? `${asked} did not answer for ${what} (${reason})`
      : `${asked} cannot tell ${what} (${reason})`;
  return failureOf(code, cause);
}

/** RFC 2782: the only SRV target is ".". */
export function notOfferedFailure(srvName: string, asked: string): Failure {
  const cause = `the SRV records of "${srvName}" name no server: this service is not offered (asked: ${asked})`;
  return failureOf('dns.not-offered', cause);
}

/** None of the servers has an address that this host can use. */
export function noAddressFailure(servers: readonly Server[], answers: Answers, asked: string): Failure {
  const failures = servers.map((server) => serverFailure(server, answers, asked));
  const [first = failureOf('dns.no-address', 'there is no server to ask')] = failures;
  // What may be over soon says more than a "no" of another server.
  return failures.find(isTemporary) ?? failures.find(({ code }) => code === 'dns.no-address') ?? first;
}

function serverFailure({ host, srv }: Server, answers: Answers, asked: string): Failure {
  const named = srv === null ? `"${host}"` : `"${host}", which the SRV records of "${srv.name}" name,`;
  if (hasAddresses(host, answers)) {
    const cause = `${named} has addresses, but only of a family (IPv4 or IPv6) that this host does not have`;
    return failureOf('dns.no-address', `${cause} (asked: ${asked})`);
  }
  const found: readonly (Answer | undefined)[] = [answers.AAAA.get(host), answers.A.get(host)];
  if (found.some((answer) => answer?.type === 'noSuchName')) {
    const about = srv === null ? '' : `, which the SRV records of "${srv.name}" name`;
    return failureOf('dns.no-such-name', `${asked} says that there is no name "${host}"${about}`);
  }
  for (const type of ['AAAA', 'A'] as const) {
    const answer = answers[type].get(host);
    if (answer?.type === 'unanswered') return unansweredFailure({ type, name: host }, answer, asked);
  }
  const cause = `${named} exists, but has neither an A nor an AAAA record (asked: ${asked})`;
  return failureOf('dns.no-address', cause);
}
