// What stands between us and the server, and how the clocks differ: read off any answer (RFC 3581 §4 for NAT, RFC 3261
// §18.1.2 for a Via that was changed, §20.17 for Date).

import { printable } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { durationText } from '../../core/health/words.ts';
import { foreignContact, foreignVia } from '../../core/registration/tampering.ts';
import { headerValue } from '../../core/sip/headers.ts';
import { isUnicast, sameSocketAddress } from '../../core/sip/ip.ts';
import { isSecure } from '../../core/sip/transport.ts';
import { receivedAddress, topVia } from '../../core/sip/via.ts';
import { formatAddress } from '../../runtime/transport/system-error.ts';
import { type Fact, ok, skipped, warn } from './fact.ts';
import type { AnsweredRequest } from './probe.ts';

/** NAT and what changes messages, by the last of `answers`; there is at least one. */
export function natFacts(
  answers: readonly AnsweredRequest[],
  nat: 'auto' | 'off',
  account: AccountSnapshot | null,
): readonly Fact[] {
  const last = answers.at(-1);
  if (last === undefined) return [skipped('nat.address', 'needs an answer')];
  const changed = changedVia(answers);
  const untouched = isSecure(last.flow.transport)
    ? 'as we sent it (over TLS nothing can change it)'
    : 'as we sent it';
  const via = changed === null ? ok('nat.via', untouched) : warn('nat.via', changed, null);
  const contact = contactFact(account);
  return [addressFact(last, nat), via, ...(contact === null ? [] : [contact])];
}

/** The first of the answers whose Via is not what we sent, in words; null: there is none. */
export function changedVia(answers: readonly AnsweredRequest[]): string | null {
  const changed = answers.map(({ response, ...sent }) => foreignVia(response, sent));
  return changed.find((text) => text !== null) ?? null;
}

function addressFact({ response, flow: { local } }: AnsweredRequest, nat: 'auto' | 'off'): Fact {
  const via = topVia(response);
  const told = via === null ? { address: null, port: null } : receivedAddress(via);
  if (told.address === null && told.port === null) {
    return ok('nat.address', 'the server does not tell where it sees us (no received, no rport)');
  }
  // RFC 3581 §4: without `received` the address is the one that the Via names.
  const seen = { address: told.address ?? local.address, port: told.port ?? local.port };
  const from = `we send from ${formatAddress(local)}`;
  if (sameSocketAddress(seen, local))
    return ok('nat.address', `no NAT: the server sees us as ${formatAddress(local)}`);
  const text = `a NAT: the server sees ${formatAddress(seen)}, ${from}`;
  if (!isUnicast(seen.address))
    return warn('nat.address', text, 'that is no address of a host: ask the provider');
  if (nat === 'auto') return ok('nat.address', `${text}; the contact has the public address`);
  return warn('nat.address', text, 'set "nat" to "auto", or calls may not arrive');
}

function contactFact(account: AccountSnapshot | null): Fact | null {
  if (account?.local == null || account.expires === null) return null;
  const own = account.bindings.find((binding) => binding.own);
  if (own === undefined) return null;
  const seen = account.public === null ? null : { seen: account.public };
  const changed = foreignContact(own, account.expires.matchedBy, { local: account.local }, seen);
  return changed === null
    ? ok(
        'nat.contact',
        `the last answer to the agent listed its contact as it was sent: ${printable(own.uri)}`,
      )
    : warn('nat.contact', changed, null);
}

/** The clock of this host against the first Date among `answers`. */
export function clockFact(answers: readonly AnsweredRequest[]): Fact {
  for (const { response, at } of answers) {
    const date = headerValue(response.headers, 'Date');
    const time = date === null ? null : sipDate(date);
    if (time !== null) return skewFact(time - at, date ?? '');
  }
  return skipped('clock.date', answers.length === 0 ? 'needs an answer' : 'no answer has a Date');
}

function skewFact(skewMs: number, date: string): Fact {
  const seconds = Math.abs(skewMs) / 1000;
  const text = `the server says ${printable(date)}`;
  if (seconds <= TOLERATED_SECONDS) return ok('clock.date', `${text}, as this host does`);
  const side = skewMs > 0 ? 'behind' : 'ahead of';
  const advice =
    'check the time of this host (timedatectl); if it is right, tell the provider. Certificates and nonces go by it';
  return warn('clock.date', `this host is ${durationText(seconds)} ${side} the server: ${text}`, advice);
}

/** RFC 3261 §20.17: an RFC 1123 date in GMT, as milliseconds since 1970; null: it is none. */
export function sipDate(text: string): number | null {
  if (!SIP_DATE.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

const SIP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
/** A Date has whole seconds and travels; less than this matters to nobody. */
const TOLERATED_SECONDS = 30;
