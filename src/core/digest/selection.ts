// Which challenges are answered, and with which credentials (RFC 8760 §2.3 and §2.4, behaviour.md §7): for every
// realm the topmost challenge that our secret can answer.

import type { Credential } from './algorithm.ts';
import type { Challenge } from './challenge.ts';

export type Answer = { readonly challenge: Challenge; readonly credential: Credential };

export type Unanswered = {
  readonly realm: string;
  /** `no-algorithm`: there are credentials, but an HA1 that fits none of the realm's challenges. */
  readonly why: 'no-credentials' | 'no-algorithm';
};

export type Selection = {
  /** One for each realm and kind. */
  readonly answers: readonly Answer[];
  /** Realms without an answer, each once. With answers for other realms the request is still worth sending. */
  readonly unanswered: readonly Unanswered[];
};

/** Pairs the usable challenges of a response, topmost first, with credentials. */
export function selectAnswers(
  challenges: readonly Challenge[],
  credentials: readonly Credential[],
): Selection {
  const answers = new Map<string, Answer>();
  const unanswered = new Map<string, Unanswered>();
  for (const challenge of challenges) {
    const space = protectionSpace(challenge);
    const credential = answers.has(space) ? null : selectCredential(challenge, credentials);
    if (credential !== null) answers.set(space, { challenge, credential });
  }
  for (const challenge of challenges) {
    const { realm } = challenge;
    if (answers.has(protectionSpace(challenge))) continue;
    const known = credentialsFor(realm, credentials).length > 0;
    unanswered.set(realm, { realm, why: known ? 'no-algorithm' : 'no-credentials' });
  }
  return { answers: [...answers.values()], unanswered: [...unanswered.values()] };
}

/** The credentials for a challenge or session, null without. Those of the exact realm beat those of any realm. */
export function selectCredential(
  { realm, algorithm }: Pick<Challenge, 'realm' | 'algorithm'>,
  credentials: readonly Credential[],
): Credential | null {
  const candidates = credentialsFor(realm, credentials);
  // An HA1 was computed with one algorithm and is of no use for another (RFC 7616 §3.4.2).
  const fitting = candidates.find(
    ({ secret }) => secret.type === 'password' || secret.byAlgorithm[algorithm] !== undefined,
  );
  return fitting ?? null;
}

function credentialsFor(realm: string, credentials: readonly Credential[]): readonly Credential[] {
  const exact = credentials.filter((credential) => credential.realm === realm);
  return exact.length > 0 ? exact : credentials.filter((credential) => credential.realm === null);
}

function protectionSpace({ kind, realm }: Challenge): string {
  return `${kind} ${realm}`;
}
