// TLS files that change at awkward moments, at a server that tells whose certificate came: while a flow is being opened with
// the former ones, when nobody uses it yet and so no move is asked for; and by other paths in the accounts file.

import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { refreshAccounts } from '../../src/agent/orders.ts';
import { reload } from '../../src/agent/reload.ts';
import { watchTls } from '../../src/agent/tls-watch.ts';
import type { TlsSettings } from '../../src/runtime/tls/settings.ts';
import { makeCertificateAuthority } from '../support/certificates.ts';
import { makeInstallations, overwrite } from '../support/installed-material.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { accountOf, openRegistrar, openScene, PASSWORD, until, untilState } from './supervisor-scene.ts';

const directory = makeInstallations();
afterAll(directory.remove);
const authority = makeCertificateAuthority();

/** A front of a registrar, which holds connections back first, and a supervisor of alice with the certificate "former". */
async function openStage() {
  const registrar = await openRegistrar(onTestFinished);
  const own = authority.issue({ addresses: ['127.0.0.1'] });
  const front = await startTlsFront({ own, clientAuthority: authority, onward: registrar.ports.tcp });
  onTestFinished(front.stop);
  const files = directory.installed(authority.issue({ commonName: 'former' }));
  const scene = await openScene(onTestFinished);
  const ca = directory.write('ca.pem', authority.certificate);
  const write = ({ cert, key }: TlsSettings): Promise<string> =>
    scene.write({
      alice: {
        aor: 'sip:alice@127.0.0.1',
        registrar: `sip:127.0.0.1:${front.port}`,
        transport: 'tls',
        password: PASSWORD,
        tls: { ca, cert, key },
      },
    });
  await write(files);
  /** How many flows were asked to move, each time that files were renewed. */
  const moved: number[] = [];
  const watch = watchTls({
    emit: () => undefined,
    inUse: () => supervised.supervisor.tlsInUse(),
    superseded: (concerns) => moved.push(supervised.supervisor.replaceTlsFlows(concerns, false)),
    usable: () => undefined,
  });
  onTestFinished(watch.stop);
  front.hold(true);
  const supervised = await scene.supervise({ tls: watch });
  await until(
    () => front.held() === 1,
    () => 'the handshake began',
  );
  const flowId = (): number | undefined =>
    accountOf(supervised.supervisor, 'alice').lifecycle.registration.flow?.id;
  return { ...supervised, front, files, write, watch, moved, flowId };
}

describe('TLS files that change during a handshake', () => {
  it('are used from the next refresh on', async () => {
    const { supervisor, front, files, watch, moved, flowId } = await openStage();
    const renewed = authority.issue({ commonName: 'renewed' });
    overwrite(files.cert, renewed.certificate);
    overwrite(files.key, renewed.key);
    await watch.checkNow();
    // The change was seen, and nobody was there to move.
    expect(moved).toEqual([0]);

    front.hold(false);
    await untilState(supervisor, 'registered', 'alice');
    expect(front.clients()).toEqual(['former']);
    const before = flowId();
    expect(await refreshAccounts(supervisor, ['alice'])).toMatchObject([{ ok: true }]);
    expect(front.clients()).toEqual(['former', 'renewed']);
    expect(flowId()).not.toBe(before);
    // And stays there.
    expect(await refreshAccounts(supervisor, ['alice'])).toMatchObject([{ ok: true }]);
    expect(front.clients()).toEqual(['former', 'renewed']);
  });
});

describe('other paths of TLS files', () => {
  it('are used from the reload on, and the former connection is closed after it', async () => {
    const { supervisor, loaded, front, write, events } = await openStage();
    front.hold(false);
    await untilState(supervisor, 'registered', 'alice');
    await write(directory.installed(authority.issue({ commonName: 'elsewhere' })));
    expect((await reload(supervisor, loaded)).outcome).toMatchObject({ ok: true });
    expect(front.clients()).toEqual(['former', 'elsewhere']);
    await until(
      () => front.open() === 1,
      () => 'the former connection was closed',
    );
    expect(events.filter(({ type }) => type === 'failure')).toEqual([]);
  });
});
