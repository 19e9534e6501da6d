// The watch on the host's addresses and routes: by looks that the test makes up, and in a network namespace of its own
// whose link and addresses the test changes.

import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchNetwork } from '../../src/runtime/network-watch.ts';
import { ip, namespaceObstacle } from '../interop/namespaces.ts';
import { bundleProgram, type Child, startProgram } from '../state/children.ts';
import { makeTemporaryDirectory } from '../support/certificates.ts';
import { until } from '../support/flows.ts';

type Look = { readonly addresses: readonly string[] | null; readonly routes?: string };
type Change = {
  readonly come: readonly string[];
  readonly gone: readonly string[];
  readonly leadsFurther: boolean;
};

/** What is told while the network is as each look says; each look takes two beats. */
function play(first: Look, looks: readonly Look[]): readonly Change[] {
  let look = first;
  let beat: () => void = () => {};
  const told: Change[] = [];
  const watch = watchNetwork(
    ({ come, gone, leadsFurther }) => void told.push({ come: [...come], gone: [...gone], leadsFurther }),
    {
      addresses: () => (look.addresses === null ? null : new Set(look.addresses)),
      routes: () => look.routes ?? '',
      onPulse: (listener) => {
        beat = listener;
        return () => {
          beat = () => {};
        };
      },
    },
  );
  for (const next of looks) {
    look = next;
    beat();
    beat();
  }
  watch.stop();
  look = { addresses: [] };
  for (let late = 0; late < 6; late++) beat();
  return told;
}

const [a, b, c] = ['192.0.2.1', '192.0.2.2', '2001:db8::3'];

describe('the watch', () => {
  it('tells an address that is gone for two looks, once', () => {
    const without = { addresses: [b] };
    expect(play({ addresses: [a, b] }, [without, without, without])).toEqual([
      { come: [], gone: [a], leadsFurther: false },
    ]);
  });

  it('tells an address that is new for two looks, once', () => {
    const more = { addresses: [a, c] };
    expect(play({ addresses: [a] }, [more, more, more])).toEqual([
      { come: [c], gone: [], leadsFurther: true },
    ]);
  });

  it('tells of an address that is good on its own link only, such as each container brings, that it leads nowhere', () => {
    const more = { addresses: [a, 'fe80::5'] };
    expect(play({ addresses: [a] }, [more, more])).toEqual([
      { come: ['fe80::5'], gone: [], leadsFurther: false },
    ]);
  });

  it('says nothing of a link that is back with the next look, or of a look that failed', () => {
    const all = { addresses: [a, b] };
    expect(play(all, [{ addresses: [b] }, all, { addresses: null }, all])).toEqual([]);
    expect(play(all, [{ addresses: null }, { addresses: null }, all])).toEqual([]);
  });

  it('tells of routes that changed and stay so', () => {
    const first = { addresses: [a], routes: 'eth0' };
    const second = { addresses: [a], routes: 'wlan0' };
    const changed = { come: [], gone: [], leadsFurther: true };
    expect(play(first, [second, first, second, second, second])).toEqual([changed]);
    const less = { addresses: [a], routes: 'eth0' };
    expect(play({ ...first, routes: 'eth0\nwlan0' }, [less, less])).toEqual([
      { ...changed, leadsFurther: false },
    ]);
  });

  it('ends with what is there, whatever came between', () => {
    const anyLook = fc.record({ addresses: fc.subarray([a, b, c]), routes: fc.constantFrom('x', 'y') });
    fc.assert(
      fc.property(anyLook, fc.array(anyLook), anyLook, (first, looks, last) => {
        const told = play(first, [...looks, last, last]);
        const believed = new Set(first.addresses);
        for (const { come, gone } of told) {
          for (const one of gone) expect(believed.delete(one)).toBe(true);
          for (const one of come) expect(believed.has(one)).toBe(false);
          for (const one of come) believed.add(one);
        }
        expect(believed).toEqual(new Set(last.addresses));
      }),
    );
  });
});

const NAMESPACE = `sipreg-watch-${process.pid}`;
const [OUTSIDE, INSIDE] = [`srw${process.pid % 100_000}o`, `srw${process.pid % 100_000}i`];
const obstacle = namespaceObstacle('ip');
const directory = makeTemporaryDirectory();
let watching: Child | undefined;

afterAll(directory.remove);

/** Runs the watch in the namespace; gives what it tells. */
async function watchInside(): Promise<() => readonly Change[]> {
  const entryPoint = join(import.meta.dirname, 'network-watch-program.ts');
  const program = await bundleProgram(entryPoint, directory.path);
  const child = startProgram('ip', ['netns', 'exec', NAMESPACE, process.execPath, program]);
  watching = child;
  await child.printed(/ready/);
  return () => child.lines().map((line): Change => JSON.parse(line));
}

describe.skipIf(obstacle !== '')(`a host of its own${obstacle}`, () => {
  beforeEach(() => {
    ip('netns', 'add', NAMESPACE);
    ip('link', 'add', OUTSIDE, 'type', 'veth', 'peer', 'name', INSIDE, 'netns', NAMESPACE);
    ip('link', 'set', OUTSIDE, 'up');
    ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'up');
    ip('-n', NAMESPACE, 'addr', 'add', '192.0.2.1/24', 'dev', INSIDE);
    ip('-n', NAMESPACE, 'addr', 'add', '198.51.100.1/24', 'dev', INSIDE);
  });

  afterEach(async () => {
    await watching?.kill();
    watching = undefined;
    ip('link', 'del', OUTSIDE);
    ip('netns', 'del', NAMESPACE);
  });

  it('loses an address, changes a route, and its link goes down and comes up', async () => {
    const told = await watchInside();
    const seen = (expected: (change: Change) => boolean): Promise<void> =>
      until(() => told().some(expected), 15_000);

    ip('-n', NAMESPACE, 'addr', 'del', '198.51.100.1/24', 'dev', INSIDE);
    await seen(({ gone }) => gone.includes('198.51.100.1'));

    const before = told().length;
    ip('-n', NAMESPACE, 'route', 'add', 'default', 'via', '192.0.2.254');
    await until(() => told().length > before, 15_000);
    expect(told().at(-1)).toEqual({ come: [], gone: [], leadsFurther: true });

    ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'down');
    await seen(({ gone }) => gone.includes('192.0.2.1'));

    const down = told().length;
    ip('-n', NAMESPACE, 'link', 'set', INSIDE, 'up');
    await until(
      () =>
        told()
          .slice(down)
          .some(({ come, leadsFurther }) => come.includes('192.0.2.1') && leadsFurther),
      15_000,
    );
  }, 60_000);
});
