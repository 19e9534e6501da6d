import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createLineWriter } from '../../../src/agent/log/writer.ts';

const lostLine = (count: number): string => `lost ${count}`;

/** A stream whose reader takes nothing until it is let go. */
function slowStream(): { readonly stream: Writable; readonly taken: string[]; readonly go: () => void } {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  let isGoing = false;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      taken.push(chunk.toString());
      if (isGoing) done();
      else waiting.push(done);
    },
  });
  const go = (): void => {
    isGoing = true;
    for (const done of waiting) done();
  };
  return { stream, taken, go };
}

it('holds no more than a few megabytes for a reader that takes nothing, and tells what was lost', async () => {
  const { stream, taken, go } = slowStream();
  const writer = createLineWriter(stream, lostLine);
  const line = 'x'.repeat(999);
  for (let index = 0; index < 20_000; index++) writer.write(line);
  expect(stream.writableLength).toBeLessThan(5_000_000);
  go();
  await new Promise((resolve) => setImmediate(resolve));
  expect(stream.writableLength).toBe(0);
  const whole = taken.length;
  writer.write('later');
  expect(taken.slice(whole)).toEqual([`lost ${20_000 - whole}\n`, 'later\n']);
  writer.close();
});

it('survives a stream that cannot be written', async () => {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space'), { code: 'ENOSPC' })),
  });
  const writer = createLineWriter(stream, lostLine);
  writer.write('one');
  await new Promise((resolve) => setImmediate(resolve));
  expect(() => writer.write('two')).not.toThrow();
  await new Promise((resolve) => setImmediate(resolve));
  writer.close();
  expect(stream.listenerCount('error')).toBe(0);
});
