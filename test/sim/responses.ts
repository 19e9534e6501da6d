// Which account's transaction a response belongs to: the branch of its top Via (RFC 3261 §17.1.3), as the engine does
// it, with one request in flight for each account.

import type { SipResponse } from '../../src/core/sip/message.ts';
import { parseMessage } from '../../src/core/sip/parse.ts';
import { branchOf, topVia } from '../../src/core/sip/via.ts';
import type { SimAccount } from './sim-account.ts';

/** The branches under way; `answered` hears of each response to one of them. */
export function createResponses(
  answered: (account: SimAccount, branch: string, response: SipResponse) => void,
) {
  const accountOfBranch = new Map<string, SimAccount>();
  const forget = (account: SimAccount): void => {
    if (account.branch !== null) accountOfBranch.delete(account.branch);
    account.branch = null;
  };
  return {
    /** The account waits for a response to `branch`, and to no earlier one. */
    expect(account: SimAccount, branch: string): void {
      forget(account);
      account.branch = branch;
      accountOfBranch.set(branch, account);
    },
    forget,
    received(bytes: Uint8Array): void {
      const parsed = parseMessage(bytes);
      if (!parsed.ok || parsed.value.kind !== 'response') throw new Error('the registrar sent no response');
      const response: SipResponse = parsed.value;
      const via = topVia(response);
      const branch = via === null ? null : branchOf(via);
      const account = branch === null ? undefined : accountOfBranch.get(branch);
      if (account !== undefined && branch !== null) answered(account, branch, response);
    },
  };
}
