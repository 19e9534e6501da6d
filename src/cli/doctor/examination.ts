// One account from its line in the accounts file to its bindings, step by step: each fact is told as soon as it is known, and
// what depends on a step that failed is skipped, with the reason. Every step is bounded in time: secrets 10 s a command, the agent
// 10 s, DNS 15 s, all targets together 25 s, the REGISTER 8 s. Nothing is written, and no binding changes.

import type { LoadedAccounts } from '../../accounts/load.ts';
import { prepareAccount } from '../../agent/account-setup.ts';
import { identityKey, type PreparedAccount } from '../../agent/managed-registration.ts';
import type { MessageListener } from '../../agent/observer.ts';
import type { Plan } from '../../core/registration/plan.ts';
import { isSecure, type Target } from '../../core/sip/transport.ts';
import { parseUri, type SipUri } from '../../core/sip/uri.ts';
import type { Memory } from '../../state/identity-store.ts';
import { entryOf, readStateInUse } from '../accounts-in-use.ts';
import type { Output } from '../output.ts';
import { PRODUCT } from '../version.ts';
import { type AgentView, agentView } from './agent-facts.ts';
import { answerFacts, type Withheld } from './answer-facts.ts';
import { bindingFacts, classifyBindings, grantFact } from './binding-facts.ts';
import type { Caution } from './caution.ts';
import { configFacts, configWarnings, secretFacts, tlsFileFacts } from './config-facts.ts';
import { type Fact, type FactCode, hasFailed, ok, skipped, tolerated } from './fact.ts';
import { type FirstHop, firstHops, lookUp } from './name-facts.ts';
import { clockFact, natFacts } from './network-facts.ts';
import { queryBindings, type RegisterQuery } from './register-query.ts';
import { examineTarget, type TargetFindings } from './target-facts.ts';

export type ExaminationOptions = {
  readonly loaded: LoadedAccounts;
  /** Of the accounts file. */
  readonly warnings: readonly string[];
  /** false: OPTIONS is all that is sent. */
  readonly registers: boolean;
  /** Shared by all accounts of the run. */
  readonly caution: Caution;
  readonly interrupt: AbortSignal;
  readonly output: Output;
  readonly show: MessageListener | null;
  readonly tell: (fact: Fact) => void;
};

/** More targets of an account are not connected to. */
const MAX_TARGETS = 8;

/** Examines account `name`, which is in the file. */
export async function examine(name: string, options: ExaminationOptions): Promise<void> {
  const { loaded, output } = options;
  const tell = (facts: readonly Fact[]): void => facts.forEach(options.tell);
  tell([...(await configFacts(loaded, name)), ...configWarnings(options.warnings)]);
  const prepared = await prepareAccount(loaded.directory, name, entryOf(loaded, name), {
    product: PRODUCT,
    store: null,
    memory: readStateInUse(loaded),
    keepsAlive: false,
    expires: null,
  });
  tell([...configWarnings(prepared.warnings), ...(await secretFacts(prepared))]);
  const agent = await agentView(prepared, loaded, output);
  tell([...agent.facts, grantedFact(agent)]);
  const places = await locate(prepared, options, tell);
  if (places.length === 0) return;
  const targets = await examineTargets(places, prepared, agent, options);
  tell(targetFacts(targets, places.length));
  await examineRegistrar(targets, prepared, agent, options, tell);
}

type Tell = (facts: readonly Fact[]) => void;

/** The targets of all flows; none when what they need has failed, and then that was told. */
async function locate(
  prepared: PreparedAccount,
  { loaded }: ExaminationOptions,
  tell: Tell,
): Promise<readonly Place[]> {
  const { account } = prepared.plan;
  const files = await tlsFileFacts(entryOf(loaded, account), account, loaded.directory);
  tell(files);
  const located = await Promise.all(firstHops(prepared).map((hop) => locateHop(hop, prepared)));
  tell(eachOnce(located.flatMap(({ facts }) => facts)));
  const places = located.flatMap((one) => one.places);
  if (places.length === 0) {
    tell(skippedFacts([...CONNECTION, ...AFTER_OPTIONS], 'needs an address that can be reached'));
  } else if (hasFailed(files) && places.every(({ target }) => isSecure(target.transport))) {
    tell(skippedFacts(['tls.handshake', ...CONNECTION, ...AFTER_OPTIONS], 'needs the files of "tls"'));
    return [];
  }
  return places;
}

/** Several flows may go to the same names. */
function eachOnce(facts: readonly Fact[]): readonly Fact[] {
  return [...new Map(facts.map((fact) => [`${fact.code} ${fact.text}`, fact])).values()];
}

type Place = FirstHop & { readonly target: Target };

async function locateHop(first: FirstHop, { setup }: PreparedAccount) {
  const { facts, targets } = await lookUp(first.hop, setup.dnsServers);
  return { facts, places: targets.map((target): Place => ({ ...first, target })) };
}

type Examined = TargetFindings & Pick<Place, 'plan'>;

async function examineTargets(
  places: readonly Place[],
  { setup }: PreparedAccount,
  agent: AgentView,
  { registers, show }: ExaminationOptions,
): Promise<readonly Examined[]> {
  return await Promise.all(
    places.slice(0, MAX_TARGETS).map(async ({ target, plan, hop: { domain } }) => {
      const isPromised = agent.account?.outbound === true;
      const findings = await examineTarget({ target, domain, plan, setup, registers, isPromised, show });
      return { ...findings, plan };
    }),
  );
}

/** A target that fails matters less while another one works: the agent goes on to that. */
function targetFacts(targets: readonly Examined[], count: number): readonly Fact[] {
  const isAnyUsable = targets.some(({ isUsable }) => isUsable);
  const facts = targets.flatMap((one) => (isAnyUsable ? tolerated(one.facts) : one.facts));
  const more = count - targets.length;
  return more > 0 ? [...facts, ok('dns.targets', `${more} more targets were not tried`)] : facts;
}

async function examineRegistrar(
  targets: readonly Examined[],
  prepared: PreparedAccount,
  agent: AgentView,
  options: ExaminationOptions,
  tell: Tell,
): Promise<void> {
  const usable = targets.find(({ isUsable }) => isUsable);
  if (usable === undefined) {
    const isAsked = targets.some(({ facts }) => facts.some(({ code }) => code === 'options.answer'));
    const codes = isAsked ? AFTER_OPTIONS : [...CONNECTION, ...AFTER_OPTIONS];
    tell(skippedFacts(codes, 'needs a target that can be reached'));
    return;
  }
  const { plan } = usable;
  const answered = targets.flatMap((one) => one.answered ?? []);
  if (!options.registers) {
    tell(skippedFacts(ABOUT_REGISTER, '--no-register'));
    tell([...natFacts(answered, plan.profile.nat, agent.account), clockFact(answered)]);
    return;
  }
  const known = withheldCredentials(prepared, agent);
  const { query, withheld } = await options.caution.ask(usable.target.address, known, (held) =>
    queryBindings(prepared, {
      plan,
      isOwned: agent.isOwned,
      withoutCredentials: held !== null,
      interrupt: options.interrupt,
      show: options.show,
    }),
  );
  tell(answerFacts(query, prepared.credentials, withheld, agent.account?.state === 'registered'));
  tell(listedFacts(query, prepared, agent));
  const answers = [...answered, ...query.responses];
  tell([...natFacts(answers, plan.profile.nat, agent.account), clockFact(answers)]);
}

function withheldCredentials({ credentials }: PreparedAccount, { rejection }: AgentView): Withheld | null {
  if (!credentials.ok) return { type: 'unreadable' };
  return rejection === null ? null : { type: 'rejected', failure: rejection };
}

function listedFacts(
  { outcome, responses, snapshot }: RegisterQuery,
  { plan, memory }: PreparedAccount,
  { account }: AgentView,
): readonly Fact[] {
  const accepted = responses.at(-1);
  if (outcome.type === 'failed' || accepted === undefined) {
    return [skipped('bindings.own', 'needs a 2xx to REGISTER')];
  }
  const bindings = classifyBindings(accepted.response.headers, {
    contacts: ownContacts(plan, memory, account),
    instanceId: plan.profile.instanceId ?? memory.instanceId(),
    address: snapshot.local?.address ?? null,
  });
  return bindingFacts(bindings, account);
}

/** The Contacts that are ours now: what the agent sees, else what is remembered, else the account's own. */
function ownContacts(plan: Plan, memory: Memory, account: AgentView['account']): readonly SipUri[] {
  const listed = (account?.bindings ?? []).filter(({ own }) => own).map(({ uri }) => uri);
  const noted = [...memory.load(identityKey(plan)).flows.values()].map(({ contact }) => contact ?? '');
  const uris = [...listed, ...noted].map(parseUri).flatMap((uri) => (uri.ok ? [uri.value] : []));
  return plan.contact.uri === null ? uris : [...uris, plan.contact.uri];
}

function grantedFact({ account }: AgentView): Fact {
  if (account !== null) return grantFact(account, new Date());
  return skipped('expires.granted', 'no agent tells, and doctor itself asks for no binding');
}

function skippedFacts(codes: readonly FactCode[], why: string): readonly Fact[] {
  return codes.map((code) => skipped(code, why));
}

const CONNECTION = ['options.answer', 'keepalive.answer'] as const satisfies readonly FactCode[];
const ABOUT_REGISTER = [
  'register.answer',
  'digest.offered',
  'auth.credentials',
  'bindings.own',
] as const satisfies readonly FactCode[];
const AFTER_OPTIONS = [...ABOUT_REGISTER, 'nat.address', 'clock.date'] as const satisfies readonly FactCode[];
