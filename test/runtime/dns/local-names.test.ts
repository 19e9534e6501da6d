// Names that a host resolves by itself.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAsker } from '../../../src/runtime/dns/asker.ts';
import { createLocalNames } from '../../../src/runtime/dns/local-names.ts';
import { startDnsServer } from '../../support/dns-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sipreg-hosts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('are those of the hosts file, localhost and names without a dot; the file is read again', async () => {
  const path = join(folder, 'hosts');
  const clock = { now: 0 };
  const names = createLocalNames(() => clock.now, path);
  await writeFile(
    path,
    '127.0.0.1 localhost\n192.0.2.1\tPBX.example.com. pbx # old.example.com\n\n#192.0.2.2 x.test\n',
  );
  const isKnown = async (...texts: readonly string[]) => await Promise.all(texts.map(names.has));
  expect(await isKnown('pbx.example.com', 'localhost', 'sip.localhost', 'pbx')).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(await isKnown('old.example.com', 'x.test', 'example.com', '192.0.2.1')).toEqual([
    false,
    false,
    false,
    false,
  ]);
  await writeFile(path, '192.0.2.2 x.test\n');
  expect(await isKnown('x.test')).toEqual([false]);
  clock.now += 5_000;
  expect(await isKnown('x.test', 'pbx.example.com')).toEqual([true, false]);
});

it('do not stand before DNS servers that an account names', async () => {
  const server = await startDnsServer({ 'pbx.test': { a: ['127.0.0.5'] } });
  const asker = createAsker([server.address], { has: () => Promise.resolve(true) });
  expect(await asker.ask({ type: 'A', name: 'pbx.test' })).toMatchObject({ records: ['127.0.0.5'] });
  await asker.ask({ type: 'SRV', name: '_sip._udp.pbx.test' });
  expect(server.asked).toEqual(['A pbx.test', 'SRV _sip._udp.pbx.test']);
  await server.stop();
});

it('are few when there is no such file', async () => {
  const names = createLocalNames(() => 0, join(folder, 'missing'));
  expect(await names.has('pbx.example.com')).toBe(false);
  expect(await names.has('pbx')).toBe(true);
});
