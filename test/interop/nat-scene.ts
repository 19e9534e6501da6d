// A NAT for tests: a router in a network namespace (nftables masquerade, a UDP timeout of seconds) between this host,
// which stands for the public network, and a namespace behind it. Takes root; everything ends with `remove`.

import { type ChildProcess, execFileSync } from 'node:child_process';
import type { Home } from './command.ts';
import { ip, startSipregIn, works } from './namespaces.ts';

export type NatScene = {
  /** Where a server of this host is reached from behind the NAT. */
  readonly outside: string;
  /** What the world sees of those behind the NAT. */
  readonly public: string;
  /** The address of whoever is behind it. */
  readonly inside: string;
  /** Runs sipreg behind the NAT. */
  readonly startSipreg: (args: readonly string[], home: Home) => ChildProcess;
  /** The router forgets every mapping and takes the ports from `first` to `last` from now on. */
  readonly rebind: (first: number, last: number) => void;
  readonly remove: () => void;
};

/** Makes the NAT. A mapping over which nothing leaves for `timeoutSeconds` is forgotten. */
export function startNat(ports: readonly [number, number], timeoutSeconds: number): NatScene {
  // The kernel takes a namespace apart at its leisure: names and addresses differ from run to run.
  const mark = process.pid % 100_000;
  const [router, behind] = [`sipreg-nat-${process.pid}`, `sipreg-behind-${process.pid}`];
  const [out, wan, lan, end] = [`sno${mark}`, `snw${mark}`, `snl${mark}`, `sni${mark}`];
  const publicNet = `10.232.${process.pid % 250}`;
  const privateNet = `192.168.${process.pid % 250}`;
  const remove = (): void => {
    for (const namespace of [router, behind]) works('ip', 'netns', 'del', namespace);
    // Its peer went with the router, but that takes the kernel a while.
    works('ip', 'link', 'del', out);
  };
  const scene: NatScene = {
    outside: `${publicNet}.1`,
    public: `${publicNet}.2`,
    inside: `${privateNet}.2`,
    startSipreg: (args, home) => startSipregIn(behind, home, args),
    rebind: (first, last) => {
      masquerade(router, wan, first, last);
      // A masqueraded mapping ends with its interface.
      ip('-n', router, 'link', 'set', wan, 'down');
      ip('-n', router, 'link', 'set', wan, 'up');
    },
    remove,
  };
  try {
    for (const namespace of [router, behind]) ip('netns', 'add', namespace);
    ip('link', 'add', out, 'type', 'veth', 'peer', 'name', wan, 'netns', router);
    ip('-n', router, 'link', 'add', lan, 'type', 'veth', 'peer', 'name', end, 'netns', behind);
    addAddress([], out, scene.outside);
    addAddress(['-n', router], wan, scene.public);
    addAddress(['-n', router], lan, `${privateNet}.1`);
    addAddress(['-n', behind], end, scene.inside);
    ip('-n', behind, 'route', 'add', 'default', 'via', `${privateNet}.1`);
    masquerade(router, wan, ...ports);
    setKernel(router, 'net.ipv4.ip_forward', 1);
    setKernel(router, 'net.netfilter.nf_conntrack_udp_timeout', timeoutSeconds);
    setKernel(router, 'net.netfilter.nf_conntrack_udp_timeout_stream', timeoutSeconds);
    return scene;
  } catch (error) {
    remove();
    throw error;
  }
}

function masquerade(router: string, wan: string, first: number, last: number): void {
  const rules = [
    'add table ip nat',
    'add chain ip nat out { type nat hook postrouting priority 100; }',
    'flush chain ip nat out',
    `add rule ip nat out oifname "${wan}" meta l4proto { tcp, udp } masquerade to :${first}-${last}`,
  ];
  execFileSync('ip', ['netns', 'exec', router, 'nft', '-f', '-'], {
    input: `${rules.join('\n')}\n`,
    stdio: 'pipe',
  });
}

function addAddress(where: readonly string[], device: string, address: string): void {
  ip(...where, 'addr', 'add', `${address}/30`, 'dev', device);
  ip(...where, 'link', 'set', device, 'up');
}

function setKernel(namespace: string, name: string, value: number): void {
  ip('netns', 'exec', namespace, 'sysctl', '-q', '-w', `${name}=${value}`);
}
