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
        return response('401 Unauthorized', request, challenge);
      }
      boundUntil[account] = now + grantedSeconds * 1000;
      return response('200 OK', request, `${fieldOf(request, 'Contact')};expires=${grantedSeconds}`);
    },
    boundUntil: (account) => boundUntil[account] ?? 0,
  };
}

function response(status: string, request: string, field: string): string {
  const [via, from, to] = [fieldOf(request, 'Via'), fieldOf(request, 'From'), fieldOf(request, 'To')];
  const [callId, cseq] = [fieldOf(request, 'Call-ID'), fieldOf(request, 'CSeq')];
  return `SIP/2.0 ${status}\r\n${via}\r\n${from}\r\n${to};tag=r\r\n${callId}\r\n${cseq}\r\n${field}\r\nContent-Length: 0\r\n\r\n`;
}

/** The whole line of the field. */
function fieldOf(request: string, name: string): string {
  const from = request.indexOf(`\r\n${name}: `) + 2;
  if (from === 1) throw new Error(`a REGISTER without ${name}`);
  return request.slice(from, request.indexOf('\r\n', from));
}
