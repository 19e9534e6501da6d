// A client certificate that is renewed as certbot does it, under an agent whose hundred accounts refresh every few
// seconds at a Kamailio that demands one: nobody fails, and the registrar sees the new one.

import { mkdirSync, renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type IssuedCertificate,
  makeCertificateAuthority,
  makeTemporaryDirectory,
} from '../support/certificates.ts';
import { type AgentScene, agentScene } from './agent-scene.ts';
import { type Home, type RunningCommand, startSipreg, temporaryHome } from './command.ts';
import { isInstalled, missingPrograms } from './installed.ts';
import { type Kamailio, startKamailio } from './kamailio.ts';

const NAMES = Array.from({ length: 100 }, (_, index) => `u${index}`);
const authority = makeCertificateAuthority({ keyType: 'rsa2048' });

let home: Home;
let files: ReturnType<typeof makeTemporaryDirectory>;
let kamailio: Kamailio;
let agent: RunningCommand | undefined;

beforeEach(async () => {
  home = await temporaryHome();
  files = makeTemporaryDirectory();
});

afterEach(async () => {
  await home.remove();
  await kamailio?.stop();
  files.remove();
});

/** One version in the archive, and the links in `live` that lead to it, flipped one after the other. */
function install(version: number, issued: IssuedCertificate): void {
  for (const folder of ['archive', 'live']) mkdirSync(path.join(files.path, folder), { recursive: true });
  const contents = { cert: issued.certificate, privkey: issued.key };
  for (const [name, content] of Object.entries(contents)) {
    const file = files.write(`archive/${name}${version}.pem`, content);
    const link = path.join(files.path, 'live', `${name}.pem`);
    symlinkSync(file, `${link}.new`);
    renameSync(`${link}.new`, link);
  }
}

/** Starts Kamailio and the agent, and waits until every account is registered. */
async function registeredScene(): Promise<AgentScene> {
  const server = authority.issue({ addresses: ['127.0.0.1'], keyType: 'rsa2048' });
  const ca = files.write('ca.pem', authority.certificate);
  kamailio = await startKamailio({
    users: Object.fromEntries(NAMES.map((name) => [name, `secret-${name}`])),
    minExpires: 1,
    tls: {
      certificateFile: files.write('server.pem', server.certificate),
      keyFile: files.write('server.key', server.key),
      clientCaFile: ca,
    },
  });
  install(1, authority.issue({ commonName: 'first' }));
  const inLive = (name: string): string => path.join(files.path, 'live', name);
  const config = await home.write('accounts.json', {
    agent: { pacing: 200 },
    defaults: {
      registrar: `sip:127.0.0.1:${kamailio.tlsPort}`,
      transport: 'tls',
      expires: 8,
      tls: { ca, cert: inLive('cert.pem'), key: inLive('privkey.pem') },
    },
    accounts: Object.fromEntries(
      NAMES.map((name) => [name, { aor: `sip:${name}@127.0.0.1`, password: `secret-${name}` }]),
    ),
  });
  const scene = agentScene(home, config);
  const command = ['--json', '-c', config, '--socket', scene.socket, 'run'];
  agent = startSipreg(command, { home, timeoutMs: 110_000 });
  await agent.waitFor('stdout', /agent\.started/);
  await expect.poll(() => registeredCount(scene), { timeout: 30_000, interval: 250 }).toBe(NAMES.length);
  return scene;
}

async function registeredCount(scene: AgentScene): Promise<number> {
  const result = await scene.sipreg('status', '--json');
  return JSON.parse(result.stdout).agent.registered;
}

/** The common names of the certificates that came with the requests, in the order in which they first came. */
async function certificatesSeen(): Promise<readonly string[]> {
  const names = [...(await kamailio.log()).matchAll(/CLIENT-CERTIFICATE (\S+)/g)].map(
    ([, name = '']) => name,
  );
  return [...new Set(names)];
}

describe.skipIf(!isInstalled('kamailio'))(
  `a renewed client certificate${missingPrograms('kamailio')}`,
  () => {
    it('is taken over without a failure, at the next refresh or at once', { timeout: 120_000 }, async () => {
      const scene = await registeredScene();
      expect(await certificatesSeen()).toEqual(['first']);

      install(2, authority.issue({ commonName: 'second' }));
      expect((await scene.sipreg('reload', '--tls')).stdout).toContain('100 moved to renewed TLS files');
      await expect.poll(certificatesSeen, { timeout: 20_000, interval: 250 }).toEqual(['first', 'second']);

      // Without a word it is found by the next look at the files.
      install(3, authority.issue({ commonName: 'third' }));
      const seen = ['first', 'second', 'third'];
      await expect.poll(certificatesSeen, { timeout: 50_000, interval: 500 }).toEqual(seen);
      await expect
        .poll(async () => (await scene.account('u0'))?.tls?.own?.subject, { timeout: 20_000, interval: 250 })
        .toBe('CN=third');
      const account = await scene.account('u0');
      expect(account?.tls?.material).toMatchObject({ state: 'current', cause: null });
      expect(Date.now() - Date.parse(account?.tls?.material.since ?? '')).toBeLessThan(60_000);

      expect(await registeredCount(scene)).toBe(NAMES.length);
      agent?.kill('SIGTERM');
      const ended = await agent?.result;
      expect(ended?.code).toBe(0);
      const events =
        ended?.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)) ?? [];
      expect(events.filter(({ type }) => type === 'failure')).toEqual([]);
      const reloaded = events.filter(({ code }) => code === 'tls.material-reloaded');
      expect(reloaded).toHaveLength(2);
      expect(reloaded[0].text).toContain('reloaded certificate and key (unchanged: CA)');
    });
  },
);
