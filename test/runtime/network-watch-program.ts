// The program that network-watch.test.ts runs in a network namespace: prints what the watch tells, one JSON a line.

import { watchNetwork } from '../../src/runtime/network-watch.ts';

/** Without link-local addresses, which come when the kernel likes. */
const listed = (addresses: ReadonlySet<string>): readonly string[] =>
  [...addresses].filter((one) => !one.startsWith('fe80:'));

watchNetwork(({ come, gone, leadsFurther }) => {
  console.log(JSON.stringify({ come: listed(come), gone: listed(gone), leadsFurther }));
});
setInterval(() => {}, 60_000);
console.log(JSON.stringify({ come: ['ready'], gone: [], leadsFurther: false }));
