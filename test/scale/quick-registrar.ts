// A registrar that costs little: it challenges once, takes every password (what a digest is worth is tested elsewhere),
// and keeps no bindings but the instant until which each account has one. An outage makes it silent, and it forgets its
// nonces.

import type { Millis } from '../../src/core/time.ts';

export const REALM = 'registrar.example.com';

export type QuickRegistrar = {
  /** The response, or null while it is silent. */
  readonly answer: (account: number, request: string, now: Millis) => string | null;
  /** Until when the account's binding lasts; 0 without one. */
  readonly boundUntil: (account: number) => Millis;
};

export type Outage = { readonly from: Millis; readonly until: Millis };

export function createQuickRegistrar(
  accounts: number,
  grantedSeconds: number,
  outage: Outage,
): QuickRegistrar {
  const boundUntil = new Float64Array(accounts);
  const isDown = (now: Millis): boolean => now >= outage.from && now < outage.until;
  return {
    answer(account, request, now) {
      if (isDown(now)) return null;
      const nonce = now < outage.from ? 'before' : 'after';
      if (!request.includes(`nonce="${nonce}"`)) {
        const challenge = `WWW-Authenticate: Digest realm="${REALM}", nonce="${nonce}", qop="auth", algorithm=MD5`;
        return response('401 Unauthorized', request, [challenge]);
      }
      boundUntil[account] = now + grantedSeconds * 1000;
      return response('200 OK', request, [`${fieldOf(request, 'Contact')};expires=${grantedSeconds}`]);
    },
    boundUntil: (account) => boundUntil[account] ?? 0,
  };
}

function response(status: string, request: string, fields: readonly string[]): string {
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => fieldOf(request, name));
  const lines = [`SIP/2.0 ${status}`, ...copied, ...fields, 'Content-Length: 0', '', ''];
  return lines.join('\r\n').replace(/(\r\nTo: [^\r]*)/, '$1;tag=r');
}

/** The whole line of the field. */
function fieldOf(request: string, name: string): string {
  const from = request.indexOf(`\r\n${name}: `) + 2;
  if (from === 1) throw new Error(`a REGISTER without ${name}`);
  return request.slice(from, request.indexOf('\r\n', from));
}
