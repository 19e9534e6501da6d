// Which challenges are answered, and with which credentials (RFC 8760 §2.3 and §2.4, behaviour.md §7): for every
// realm the topmost challenge that our secret can answer and the account's policy allows.

import type { Credential, DigestPolicy, Secret } from './algorithm.ts';
import { type Challenge, isSameSpace } from './challenge.ts';

export type Answer = { readonly challenge: Challenge; readonly credential: Credential };

export type Unanswered = {
  readonly realm: string;
  /**
   * `no-algorithm`: there are credentials, but an HA1 that fits none of the realm's challenges; `forbidden`: they would fit
   * one, and the account's policy does not allow it.
   */
  readonly why: 'no-credentials' | 'no-algorithm' | 'forbidden';
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
  const answers: Answer[] = [];
  for (const challenge of challenges) {
    const credential = isAnswered(challenge, answers) ? null : selectCredential(challenge, credentials);
    if (credential !== null) answers.push({ challenge, credential });
  }
  const unanswered: Unanswered[] = [];
  for (const challenge of challenges) {
    const { realm } = challenge;
    if (isAnswered(challenge, answers) || unanswered.some((one) => one.realm === realm)) continue;
    unanswered.push({ realm, why: whyNot(realm, challenges, credentials) });
  }
  return { answers, unanswered };
}

/** Why none of `challenges` is answered for `realm`. Only what selectCredential looks at counts. */
function whyNot(
  realm: string,
  challenges: readonly Challenge[],
  credentials: readonly Credential[],
): Unanswered['why'] {
  const named = credentials.filter((credential) => credential.realm === realm);
  const known = named.length > 0 ? named : credentials.filter((credential) => credential.realm === null);
  if (known.length === 0) return 'no-credentials';
  const fitted = challenges.some(
    (challenge) => challenge.realm === realm && known.some(({ secret }) => isFitting(secret, challenge)),
  );
  return fitted ? 'forbidden' : 'no-algorithm';
}

/** The credentials for a challenge or session, null without. Those of the exact realm beat those of any realm. */
export function selectCredential(asked: Asked, credentials: readonly Credential[]): Credential | null {
  const { realm } = asked;
  // This is asked for each request: nothing is made for the answer.
  let ofAnyRealm: Credential | null = null;
  let isNamed = false;
  for (const credential of credentials) {
    if (credential.realm === realm) {
      if (isUsable(credential, asked)) return credential;
      isNamed = true;
    } else if (credential.realm === null && ofAnyRealm === null && isUsable(credential, asked)) {
      ofAnyRealm = credential;
    }
  }
  return isNamed ? null : ofAnyRealm;
}

/** What a challenge, or a session that came of one, asks for. */
type Asked = Pick<Challenge, 'realm' | 'algorithm'> & { readonly qop: unknown };

function isUsable({ secret, policy }: Credential, asked: Asked): boolean {
  return isFitting(secret, asked) && (policy === undefined || isAllowed(policy, asked));
}

/** An HA1 was computed with one algorithm and is of no use for another (RFC 7616 §3.4.2). */
function isFitting(secret: Secret, { algorithm }: Pick<Asked, 'algorithm'>): boolean {
  return typeof secret === 'string' || secret[algorithm] !== undefined;
}

function isAllowed({ algorithms, needsQop }: DigestPolicy, { algorithm, qop }: Asked): boolean {
  return algorithms.includes(algorithm) && !(needsQop && qop === null);
}

/** Whether there is an answer for the protection space of `challenge`. */
function isAnswered(challenge: Challenge, answers: readonly Answer[]): boolean {
  return answers.some((answer) => isSameSpace(answer.challenge, challenge));
}
