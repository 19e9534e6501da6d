// The REGISTER without Contact of `sipreg doctor` (RFC 3261 §10.2.3): it asks for the bindings and changes none. It is sent
// as `sipreg bindings` sends it, with a Call-ID of its own and at most one attempt with the credentials; here every answer
// is kept, because each tells something.

import type { PreparedAccount } from '../../agent/managed-registration.ts';
import type { MessageListener } from '../../agent/observer.ts';
import { type AccountResult, runOnce } from '../../agent/one-shot.ts';
import type { Plan } from '../../core/registration/plan.ts';
import { headerRows } from '../../core/sip/headers.ts';
import type { SipMessage } from '../../core/sip/message.ts';
import { parseMessage } from '../../core/sip/parse.ts';
import { branchOf, topVia } from '../../core/sip/via.ts';
import type { Memory } from '../../state/identity-store.ts';
import type { AnsweredRequest } from './probe.ts';

export type RegisterQuery = AccountResult & {
  /** In the order in which they came. */
  readonly responses: readonly AnsweredRequest[];
  /** Whether credentials were sent. */
  readonly isAuthorized: boolean;
  readonly warnings: readonly string[];
};

export type QueryOptions = {
  /** Of the flow that is asked. */
  readonly plan: Plan;
  /** An agent uses the account's port: this one is the system's choice. */
  readonly isOwned: boolean;
  /** The registrar is asked without credentials. */
  readonly withoutCredentials: boolean;
  readonly interrupt: AbortSignal;
  readonly show: MessageListener | null;
};

/** Five copies of a datagram (RFC 3261 §17.1.2.2), and longer than a registrar that works takes for a challenge. */
const LIMIT_SECONDS = 8;

export async function queryBindings(
  prepared: PreparedAccount,
  options: QueryOptions,
): Promise<RegisterQuery> {
  const sent = new Map<string, boolean>();
  const responses: AnsweredRequest[] = [];
  const warnings: string[] = [];
  const note: MessageListener = (direction, flow, account, content, bytes) => {
    options.show?.(direction, flow, account, content, bytes);
    const message = messageOf(content);
    const via = message === null ? null : topVia(message);
    const branch = via === null ? null : branchOf(via);
    if (message === null || branch === null) return;
    if (direction === 'sent') sent.set(branch, hasCredentials(message));
    else if (message.kind === 'response' && sent.has(branch)) {
      responses.push({ response: message, branch, flow, at: Date.now() });
    }
  };
  const [result] = await runOnce([asked(prepared, options)], {
    goal: 'query',
    // Whether they may be sent was decided before: `withoutCredentials`.
    blocked: 'sent',
    timeoutSeconds: LIMIT_SECONDS,
    interrupt: options.interrupt,
    observer: { warned: (_, text) => warnings.push(text), message: note, dropped: () => {} },
    concluded: () => {},
  });
  if (result === undefined) throw new Error('one account has one result');
  return { ...result, responses, isAuthorized: [...sent.values()].includes(true), warnings };
}

/** The account as it is asked: on one flow, and without what doctor may not use. */
function asked(prepared: PreparedAccount, options: QueryOptions): PreparedAccount {
  const { isOwned, withoutCredentials, plan } = options;
  const { profile } = plan;
  const local = isOwned && profile.local !== null ? { ...profile.local, port: 0 } : profile.local;
  const memory = isOwned ? withoutPorts(prepared.memory) : prepared.memory;
  const account = { ...prepared, plan: { ...plan, profile: { ...profile, local } }, memory };
  if (!withoutCredentials) return account;
  return { ...account, setup: { ...prepared.setup, secrets: [] }, credentials: { ok: true, value: [] } };
}

function withoutPorts(memory: Memory): Memory {
  return {
    ...memory,
    load: (key) => {
      const record = memory.load(key);
      const flows = [...record.flows].map(([regId, flow]) => [regId, { ...flow, localPort: null }] as const);
      return { ...record, flows: new Map(flows) };
    },
  };
}

function messageOf(content: Uint8Array | SipMessage): SipMessage | null {
  if (!(content instanceof Uint8Array)) return content;
  const parsed = parseMessage(content);
  return parsed.ok ? parsed.value : null;
}

/** RFC 3261 §22.4: an Authorization with an empty response, as IMS clients send it first, proves nothing. */
function hasCredentials({ headers }: SipMessage): boolean {
  const rows = [...headerRows(headers, 'Authorization'), ...headerRows(headers, 'Proxy-Authorization')];
  return rows.some((row) => /response="[0-9a-f]/i.test(row));
}
