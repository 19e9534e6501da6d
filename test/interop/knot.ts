// A real DNS server on loopback for a test: an authoritative knot with a zone that the test makes, on a port that the system
// chose, UDP and TCP.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.mjs';
import { startGroup } from './child-group.ts';
import { isListening } from './listening.ts';

export type Knot = {
  /** For `dns.servers`. */
  readonly address: string;
  readonly stop: () => Promise<void>;
};

/** Serves the zone `domain` with `records` in the form of a zone file (RFC 1035 §5); rejects with its log when it cannot. */
export async function startKnot(domain: string, records: readonly string[]): Promise<Knot> {
  const folder = await mkdtemp(join(tmpdir(), 'sipreg-knot-'));
  const port = await freePort();
  const configFile = join(folder, 'knot.conf');
  const logFile = join(folder, 'knot.log');
  await writeFile(join(folder, 'zone'), zoneText(domain, records));
  await writeFile(configFile, configText(folder, port, domain));
  const group = await startGroup('knotd', ['-c', configFile], { cwd: folder, logFile });
  const stop = async (): Promise<void> => {
    await group.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + 10_000;
  while (!(await isServing(port, logFile))) {
    if (!group.running() || performance.now() > deadline) {
      const log = await readFile(logFile, 'utf8');
      await stop();
      throw new Error(`knotd did not start:\n${log}`);
    }
    await sleep(20);
  }
  return { address: `127.0.0.1:${port}`, stop };
}

async function isServing(port: number, logFile: string): Promise<boolean> {
  const isLoaded = /loaded, serial/.test(await readFile(logFile, 'utf8'));
  return isLoaded && (await isListening('udp', port)) && (await isListening('tcp', port));
}

function zoneText(domain: string, records: readonly string[]): string {
  const head = [
    `$ORIGIN ${domain}.`,
    '$TTL 60',
    '@ SOA ns hostmaster 1 3600 600 86400 60',
    '@ NS ns',
    'ns A 127.0.0.1',
  ];
  return `${[...head, ...records].join('\n')}\n`;
}

function configText(folder: string, port: number, domain: string): string {
  return `server:
    rundir: "${folder}"
    listen: 127.0.0.1@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "${folder}"
log:
  - target: stderr
    any: info
zone:
  - domain: ${domain}
    storage: "${folder}"
    file: "${folder}/zone"
    zonefile-sync: -1
    journal-content: none
`;
}
