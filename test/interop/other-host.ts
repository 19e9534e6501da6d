// A host of its own for a program under test: a network namespace with one wire to ours, whose addresses and packets a test
// can take away. It takes root, iproute2 and nftables.

import type { ChildProcess } from 'node:child_process';
import type { Home } from './command.ts';
import { ip, startSipregIn } from './namespaces.ts';

export type OtherHost = {
  /** Our end of the wire. */
  readonly here: string;
  /** The two addresses of the other host, the first of which it sends from. */
  readonly there: readonly [string, string];
  /** The first address vanishes. */
  readonly dropAddress: () => void;
  /** Swallows every packet to and from this TCP port of the other host, and says nothing. */
  readonly swallow: (port: number) => void;
  /** Starts `sipreg ARGS` on the other host. */
  readonly sipreg: (home: Home, ...args: readonly string[]) => ChildProcess;
  readonly remove: () => void;
};

/** `number` tells the hosts of one test process apart: the kernel takes a namespace apart at its leisure. */
export function makeOtherHost(number: number): OtherHost {
  const name = `sipreg-${process.pid}-${number}`;
  const [outside, device] = [
    `srh${process.pid % 100_000}o${number}`,
    `srh${process.pid % 100_000}i${number}`,
  ];
  const net = `10.${232 + number}.${process.pid % 250}`;
  const there: readonly [string, string] = [`${net}.2`, `${net}.3`];
  const inside = (program: string, ...args: readonly string[]): void =>
    ip('netns', 'exec', name, program, ...args);
  ip('netns', 'add', name);
  ip('link', 'add', outside, 'type', 'veth', 'peer', 'name', device, 'netns', name);
  ip('addr', 'add', `${net}.1/24`, 'dev', outside);
  ip('link', 'set', outside, 'up');
  // Each in a net of its own, so that the second stays when the first goes.
  for (const address of there) inside('ip', 'addr', 'add', `${address}/32`, 'dev', device);
  inside('ip', 'link', 'set', 'lo', 'up');
  inside('ip', 'link', 'set', device, 'up');
  inside('ip', 'route', 'add', `${net}.0/24`, 'dev', device);
  return {
    here: `${net}.1`,
    there,
    dropAddress: () => inside('ip', 'addr', 'del', `${there[0]}/32`, 'dev', device),
    swallow: (port) => {
      inside('nft', 'add', 'table', 'inet', 'middlebox');
      for (const [hook, side] of [
        ['input', 'dport'],
        ['output', 'sport'],
      ] as const) {
        inside('nft', `add chain inet middlebox ${hook} { type filter hook ${hook} priority 0; }`);
        inside('nft', `add rule inet middlebox ${hook} tcp ${side} ${port} drop`);
      }
    },
    sipreg: (home, ...args) => startSipregIn(name, home, args),
    remove: () => {
      ip('link', 'del', outside);
      ip('netns', 'del', name);
    },
  };
}
