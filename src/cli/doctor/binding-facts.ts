// Whose bindings the registrar lists (RFC 3261 §10.2.3): ours, stale ones that an earlier run of this host left behind, and
// those of others. What the agent knows of its binding is compared with it: a registrar may have forgotten us.

import { printable } from '../../core/health/evidence.ts';
import type { AccountSnapshot } from '../../core/health/snapshot.ts';
import { failureOf } from '../../core/health/verdict.ts';
import { durationText, ruleText } from '../../core/health/words.ts';
import { reportedBindings } from '../../core/registration/binding.ts';
import { bracketed, sameHost } from '../../core/sip/ip.ts';
import type { HeaderField } from '../../core/sip/message.ts';
import { parseContacts } from '../../core/sip/name-addr.ts';
import { paramValue, parseUri, type SipUri } from '../../core/sip/uri.ts';
import { sameUri } from '../../core/sip/uri-compare.ts';
import { type Fact, fail, ok, skipped, warn } from './fact.ts';

export type Owner = 'ours' | 'stale' | 'foreign';

export type ClassifiedBinding = {
  readonly uri: string;
  /** Seconds left; null: the registrar does not say. */
  readonly expires: number | null;
  readonly owner: Owner;
  /** It has our `+sip.instance` (RFC 5626 §4.1). */
  readonly hasInstance: boolean;
};

/** By what our bindings are known. */
export type OwnMarks = {
  /** Contacts that are registered now, as far as somebody remembers. */
  readonly contacts: readonly SipUri[];
  /** A URN without angle brackets. */
  readonly instanceId: string;
  /** The address that this host sends from. */
  readonly address: string | null;
};

/** The bindings of a 2xx, in its order. */
export function classifyBindings(
  headers: readonly HeaderField[],
  own: OwnMarks,
): readonly ClassifiedBinding[] {
  const reported = reportedBindings(headers, null);
  return parseContacts(headers).contacts.map((contact, at) => {
    const parsed = parseUri(contact.uri);
    const uri = parsed.ok ? parsed.value : null;
    const hasInstance = paramValue(contact.params, '+sip.instance') === `<${own.instanceId}>`;
    const { uri: text = '', expires = null } = reported[at] ?? {};
    return { uri: text, expires, owner: ownerOf(uri, hasInstance, own), hasInstance };
  });
}

function ownerOf(uri: SipUri | null, hasInstance: boolean, { contacts, address }: OwnMarks): Owner {
  if (uri !== null && contacts.some((contact) => sameUri(contact, uri))) return 'ours';
  // Without a Contact that is remembered the instance is all that tells, and there is no newer one.
  if (hasInstance) return contacts.length === 0 ? 'ours' : 'stale';
  const isFromHere = uri !== null && address !== null && sameHost(uri.host, bracketed(address));
  return isFromHere ? 'stale' : 'foreign';
}

/** `account`: what the agent says; null: no agent keeps the account. */
export function bindingFacts(
  bindings: readonly ClassifiedBinding[],
  account: AccountSnapshot | null,
): readonly Fact[] {
  const of = (wanted: Owner): readonly ClassifiedBinding[] =>
    bindings.filter(({ owner }) => owner === wanted);
  const own = of('ours').map((binding) => ok('bindings.own', bindingText(binding)));
  return [
    ...(own.length > 0 ? own : [missingFact(account)]),
    ...others(of('stale'), (text) => warn('bindings.stale', text, STALE_ADVICE), staleText),
    ...others(of('foreign'), (text) => warn('bindings.foreign', text, FOREIGN_ADVICE), bindingText),
  ];
}

function others(
  bindings: readonly ClassifiedBinding[],
  factOf: (text: string) => Fact,
  textOf: (binding: ClassifiedBinding) => string,
): readonly Fact[] {
  const texts = bindings.slice(0, MAX_SHOWN).map(textOf);
  const more = bindings.length - texts.length;
  return (more > 0 ? [...texts, `and ${more} more`] : texts).map(factOf);
}

function missingFact(account: AccountSnapshot | null): Fact {
  if (account?.state !== 'registered') return ok('bindings.own', 'nothing of ours is bound');
  // behaviour.md §4: many registrars never list us, and it is a success.
  if (!account.bindings.some(({ own }) => own)) {
    return ok(
      'bindings.own',
      'the registrar does not list our contact, nor did it in its last answer to the agent',
    );
  }
  const cause = 'the agent holds the account for registered, but the registrar does not list our contact';
  const advice = `"sipreg refresh ${account.account}" registers it again; if it happens again, the registrar loses its bindings, or somebody removes them`;
  return fail('bindings.own', failureOf('register.forgotten', cause, { advice }));
}

/** What the registrar granted, from the one who asked for it: doctor itself asks for nothing. */
export function grantFact({ expires }: AccountSnapshot, now: Date): Fact {
  if (expires === null) return skipped('expires.granted', 'the agent has it not registered');
  const left = (Date.parse(expires.at) - now.getTime()) / 1000;
  const end = left > 0 ? `ends in ${durationText(left)}` : 'is over';
  const text = `${durationText(expires.granted)} ${ruleText(expires)}, ${end}`;
  if (expires.matchedBy === 'none') {
    return warn('expires.granted', text, 'the registrar lists others, but not us: see bindings.foreign');
  }
  if (expires.granted >= SHORT_SECONDS) return ok('expires.granted', text);
  return warn(
    'expires.granted',
    text,
    'the registrar wants very frequent refreshes; ask the provider if that is meant',
  );
}

function bindingText({ uri, expires }: ClassifiedBinding): string {
  const left = expires === null ? 'no time given' : `${durationText(expires)} left`;
  return `${printable(uri)}, ${left}`;
}

function staleText(binding: ClassifiedBinding): string {
  const mark = binding.hasInstance
    ? 'our instance, but not our present contact'
    : 'from this host, but not of the present run';
  return `${bindingText(binding)}: ${mark}`;
}

/** Of one kind; a registrar may list hundreds. */
const MAX_SHOWN = 10;
/** Less than this is a REGISTER every half minute. */
const SHORT_SECONDS = 60;
const STALE_ADVICE =
  'an earlier run left it, or another program of this host registers the same account; it ends by itself, "sipreg unregister --all-bindings" removes all';
const FOREIGN_ADVICE =
  'another device uses the account, and calls ring there too; if you do not know it, change the password';
