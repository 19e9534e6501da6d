// The hosts at which the simulated registrar is reached: servers of the domain or edges before it. Each has troubles of
// its own, and another address from one day to the next. They answer keep-alives (RFC 5626 §4.4), and give REGISTERs on.

import type { SocketAddress } from '../../src/core/sip/transport.ts';
import { bindingAnswer } from '../../src/core/stun/binding.ts';
import { parseStun } from '../../src/core/stun/message.ts';
import type { Server } from './link.ts';
import type { Manners, RegistrarModel } from './registrar-model.ts';

/** What is wrong with one host. `untrusted`: its certificate is not for this domain. */
export type Trouble =
  | { readonly type: 'gone' | 'silent' | 'down' | 'untrusted' }
  | { readonly type: 'overloaded'; readonly retryAfterSeconds: number | null };

export type SimHost = { readonly name: string; address: string; trouble: Trouble | null };

export type Hosts = ReturnType<typeof createHosts>;

/** What the hosts are called in DNS, best first. */
export const HOST_NAMES: readonly string[] = ['sip1.example.com', 'sip2.example.com'];

const FIRST_LETTER = 0x21;
const PONG = Uint8Array.of(0x0d, 0x0a);

export function createHosts(count: number, manners: Manners, registrar: () => RegistrarModel) {
  const hosts: readonly SimHost[] = HOST_NAMES.slice(0, count).map((name, index) => ({
    name,
    address: `192.0.2.${index + 1}`,
    trouble: null,
  }));
  let moves = 0;
  const at = (address: string): SimHost | undefined => hosts.find((host) => host.address === address);
  const has = (address: string, trouble: Trouble['type']): boolean => at(address)?.trouble?.type === trouble;

  const server: Server = {
    isThere: (address) => at(address) !== undefined && !has(address, 'gone'),
    isListening: (address) => !manners.isDown && !has(address, 'down'),
    isTrusted: (address) => !has(address, 'untrusted'),
    receive: (address, bytes, { source, isStream }, reply) => {
      if (manners.isSilent || has(address, 'silent')) return;
      if ((bytes[0] ?? 0) < FIRST_LETTER) {
        const answer = keepaliveAnswer(bytes, source, isStream);
        if (answer !== null) reply(answer);
        return;
      }
      const trouble = at(address)?.trouble;
      const overload =
        trouble?.type === 'overloaded'
          ? { status: 503, reason: 'Overloaded', retryAfterSeconds: trouble.retryAfterSeconds }
          : null;
      registrar().receive(bytes, source, reply, overload);
    },
  };
  return {
    hosts,
    server,
    setTrouble: (index: number, trouble: Trouble | null): void => {
      const host = hosts[index];
      if (host !== undefined) host.trouble = trouble;
    },
    /** It has another address from now on; nobody is at the old one. */
    move: (index: number): void => {
      const host = hosts[index];
      moves += 1;
      if (host !== undefined) host.address = `198.51.100.${moves}`;
    },
  };
}

function keepaliveAnswer(bytes: Uint8Array, source: SocketAddress, isStream: boolean): Uint8Array | null {
  if (bytes[0] === PONG[0]) return isStream ? PONG : null;
  const message = parseStun(bytes);
  if (message?.type !== 'request') throw new Error('the agent sent a keep-alive that is none');
  return bindingAnswer(message, source);
}
