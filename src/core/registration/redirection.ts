// What a 3xx means for the round (RFC 3261 §8.1.3.4): a new Request-URI to try, or why it is not followed. Nothing is
// tried twice, and nothing leads from sips to sip.

import type { SipResponse } from '../sip/message.ts';
import { parseContacts } from '../sip/name-addr.ts';
import { paramValue, parseUri, type SipUri } from '../sip/uri.ts';
import { sameUri } from '../sip/uri-compare.ts';
import { refusalOf } from './refusal.ts';
import type { Registration } from './registration.ts';
import { finish, type Round, type RoundStep } from './round-state.ts';
import { resolveTargets } from './round-targets.ts';

/** RFC 3261 §8.1.3.4 sets no bound to redirections; this does. */
const MAX_REDIRECTS = 5;

/** The 3xx came in. */
export function redirected(registration: Registration, round: Round, response: SipResponse): RoundStep {
  const failure = refusalOf(response, 'register.forbidden');
  const next = redirectTarget(round, response);
  if (typeof next === 'string') {
    return finish(registration, round, {
      type: 'failed',
      failure: { ...failure, cause: `${failure.cause}; ${next}` },
    });
  }
  const visited = [...round.visited, next];
  // The new target is another server: nonces of the old one mean nothing there, and its flow is not the way.
  const elsewhere = { ...registration, sessions: [], flow: null, target: null };
  return resolveTargets(elsewhere, { ...round, requestUri: next, visited, remaining: [] });
}

/** The URI to follow, or why there is none. */
function redirectTarget(round: Round, response: SipResponse): SipUri | string {
  // RFC 3261 §8.1.3.2: a 3xx that is not known counts as 300. 305 and 380 name no other place for the same request.
  if (response.status === 305 || response.status === 380)
    return 'sipreg does not follow this kind of redirection';
  if (round.visited.length > MAX_REDIRECTS) return `that was redirection ${MAX_REDIRECTS + 1}`;
  const candidates = [...parseContacts(response.headers).contacts]
    .sort((a, b) => qualityOf(b.params) - qualityOf(a.params))
    .flatMap((contact) => {
      const uri = parseUri(contact.uri);
      return uri.ok ? [asRequestUri(uri.value)] : [];
    });
  if (candidates.length === 0) return 'it names no contact to go to';
  // RFC 3261 §26.4.4, RFC 5630 §3.3: from sips nobody is led to where others can listen.
  const safe = candidates.filter((uri) => round.requestUri.scheme !== 'sips' || uri.scheme === 'sips');
  if (safe.length === 0) return 'it leads from sips to sip, which would give up the encryption';
  const fresh = safe.find((uri) => !round.visited.some((visited) => sameUri(visited, uri)));
  return fresh ?? 'it leads back to where we have been';
}

function qualityOf(params: Parameters<typeof paramValue>[0]): number {
  const quality = Number(paramValue(params, 'q') ?? '1');
  return Number.isFinite(quality) ? quality : 0;
}

/** RFC 3261 §8.1.3.4 and §19.1.5: less user (§10.2), `method` and headers. */
function asRequestUri(uri: SipUri): SipUri {
  const params = uri.params.filter((one) => one.name.toLowerCase() !== 'method');
  return { ...uri, user: null, password: null, params, headers: [] };
}
