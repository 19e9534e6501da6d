// The program that network-watch.test.ts runs in a network namespace: prints what the watch tells, one JSON a line.

import { watchNetwork } from '../../src/runtime/network-watch.ts';

/** Without link-local addresses, which come when the kernel likes. */
const listed = (addresses: ReadonlySet<string>): readonly string[] =>
  [...addresses].filter((one) => !one.startsWith('fe80:'));

watchNetwork({
  changed: (addresses, gone) => {
    console.log(JSON.stringify({ addresses: listed(addresses), gone: listed(gone) }));
  },
});
setInterval(() => {}, 60_000);
console.log(JSON.stringify({ addresses: ['ready'], gone: [] }));
