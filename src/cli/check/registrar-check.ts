// `sipreg check --direct` and --verify: the registrar is asked for the bindings with a REGISTER without Contact, under a
// Call-ID of its own, with no lock and no state written; so nothing changes, neither there nor here.

import { identityKey, nameOf, type PreparedAccount } from '../../agent/managed-registration.ts';
import { runOnce } from '../../agent/one-shot.ts';
import type { AccountSnapshot, BindingSnapshot } from '../../core/health/snapshot.ts';
import { roundTripText } from '../../core/health/words.ts';
import { parseUri, type SipUri } from '../../core/sip/uri.ts';
import { sameUri } from '../../core/sip/uri-compare.ts';
import { loadInUse, prepareInUse, readStateInUse } from '../accounts-in-use.ts';
import type { Output } from '../output.ts';
import { messageObserver } from '../render/message-text.ts';
import { catchSignals } from '../signals.ts';
import type { CheckOptions, Thresholds } from './check-options.ts';
import {
  type Aspect,
  certificateOf,
  type Finding,
  failureText,
  type Judgement,
  judgementOf,
  roundTripOf,
  whereText,
} from './judgement.ts';
import { CheckRefused, type PluginState } from './plugin-state.ts';

/** Whether the bindings that the registrar lists are enough; else what is missing. */
export type Demand = (bindings: readonly BindingSnapshot[]) => string | null;

export type RegistrarAnswer = {
  readonly snapshot: AccountSnapshot;
  /** The account's `contact`, else the last Contact of each of its flows that is known. */
  readonly ownContacts: readonly SipUri[];
};

/** Asks for all accounts at once, in the order of `names`; none named: every enabled one of the file. */
export async function askRegistrars(
  names: readonly string[],
  timeoutMs: number,
  output: Output,
): Promise<readonly RegistrarAnswer[]> {
  const accounts = await prepareNamed(names, output);
  const signals = catchSignals();
  try {
    const results = await runOnce(accounts, {
      goal: 'query',
      // It writes nothing: who does not remember how a probe went would make one each time.
      blocked: 'withheld',
      timeoutSeconds: timeoutMs / 1000,
      interrupt: signals.end,
      observer: {
        warned: (account, text) => output.warning(`${nameOf(account)}: ${text}`),
        ...messageObserver(output),
      },
      concluded: () => {},
    });
    return results.map(({ snapshot }, at) => ({ snapshot, ownContacts: ownContactsOf(accounts[at]) }));
  } finally {
    signals.release();
  }
}

async function prepareNamed(names: readonly string[], output: Output): Promise<readonly PreparedAccount[]> {
  const loaded = await loadInUse(output);
  const enabled = [...loaded.accounts].filter(([, entry]) => entry.enabled !== false).map(([name]) => name);
  const wanted = names.length === 0 ? enabled : names;
  if (wanted.length === 0) throw new CheckRefused('UNKNOWN', `${loaded.path} has no enabled account`);
  const options = { store: null, memory: readStateInUse(loaded), keepsAlive: false, expires: null };
  return await prepareInUse(loaded, wanted, output, options);
}

function ownContactsOf(account: PreparedAccount | undefined): readonly SipUri[] {
  if (account === undefined) return [];
  const { plan, memory } = account;
  if (plan.contact.uri !== null) return [plan.contact.uri];
  const { flows } = memory.load(identityKey(plan));
  return [...flows.values()].flatMap(({ contact }) => {
    const uri = parseUri(contact ?? '');
    return uri.ok ? [uri.value] : [];
  });
}

/** interface.md, "check": `--bound` demands the account's `contact` or the last one known, else any. */
export function demandOf({ ownContacts }: RegistrarAnswer, { bound }: Pick<CheckOptions, 'bound'>): Demand {
  const isOwn = (text: string): boolean => {
    const uri = parseUri(text);
    return uri.ok && ownContacts.some((own) => sameUri(uri.value, own));
  };
  return (bindings) => {
    if (!bound) return null;
    if (bindings.length === 0) return 'nothing is bound';
    const isThere = ownContacts.length === 0 || bindings.some(({ uri, own }) => own || isOwn(uri));
    return isThere ? null : 'our contact is not bound';
  };
}

/** What the registrar's answer says of the account. */
export function judgeAnswer(
  { snapshot }: RegistrarAnswer,
  demand: Demand,
  thresholds: Thresholds,
  now: number,
): Judgement {
  const main = answerFinding(snapshot, demand);
  const aspects = [
    bindingsOf(snapshot),
    roundTripOf(snapshot, thresholds),
    certificateOf(snapshot, thresholds, now),
  ];
  return judgementOf(snapshot, main.state === 'OK', main, aspects);
}

function answerFinding(snapshot: AccountSnapshot, demand: Demand): Finding {
  const { failure, bindings, rtt } = snapshot;
  if (failure !== null) return { state: stateOfFailure(failure.stage), text: failureText(failure) };
  const count = bindings.length === 1 ? '1 binding' : `${bindings.length} bindings`;
  const trip = rtt === null ? '' : `, ${roundTripText(rtt)}`;
  const missing = demand(bindings);
  const text = `credentials accepted${whereText(snapshot)}, ${count}${trip}`;
  return missing === null ? { state: 'OK', text } : { state: 'CRITICAL', text: `${missing}; ${text}` };
}

/** The question could not even be asked: that says nothing of the registrar. */
function stateOfFailure(stage: string): PluginState {
  return stage === 'config' || stage === 'secret' || stage === 'internal' ? 'UNKNOWN' : 'CRITICAL';
}

function bindingsOf({ failure, bindings }: AccountSnapshot): Aspect {
  if (failure !== null) return { findings: [], metrics: [] };
  const levels = { warning: null, critical: null };
  return {
    findings: [],
    metrics: [{ name: 'bindings', value: bindings.length, unit: '', levels, min: 0, max: null }],
  };
}
