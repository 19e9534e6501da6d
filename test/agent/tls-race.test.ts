// TLS files that change while a flow is being opened with the former ones: nobody uses that flow yet, so no move is asked
// for when they change. The account must move over all the same, at its next refresh.

import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { refreshAccounts } from '../../src/agent/orders.ts';
import { type TlsWatch, watchTls } from '../../src/agent/tls-watch.ts';
import { makeCertificateAuthority } from '../support/certificates.ts';
import { makeInstallations, overwrite } from '../support/installed-material.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { accountOf, openRegistrar, openScene, PASSWORD, until, untilState } from './supervisor-scene.ts';

const directory = makeInstallations();
afterAll(directory.remove);
const authority = makeCertificateAuthority();

describe('TLS files that change during a handshake', () => {
  it('are used from the next refresh on', async () => {
    const registrar = await openRegistrar(onTestFinished);
    const own = authority.issue({ names: ['127.0.0.1'], addresses: ['127.0.0.1'] });
    const front = await startTlsFront({ own, clientAuthority: authority, onward: registrar.ports.tcp });
    onTestFinished(front.stop);
    const files = directory.installed(authority.issue({ commonName: 'former' }));
    const scene = await openScene(onTestFinished);
    await scene.write({
      alice: {
        aor: 'sip:alice@127.0.0.1',
        registrar: `sip:127.0.0.1:${front.port}`,
        transport: 'tls',
        password: PASSWORD,
        tls: { ca: directory.write('ca.pem', authority.certificate), cert: files.cert, key: files.key },
      },
    });
    const moved: number[] = [];
    const watch: TlsWatch = watchTls({
      emit: () => undefined,
      inUse: () => supervised.supervisor.tlsInUse(),
      superseded: (concerns) => moved.push(supervised.supervisor.replaceTlsFlows(concerns, false)),
      usable: () => undefined,
    });
    onTestFinished(watch.stop);
    front.hold(true);
    const supervised = await scene.supervise({ tls: watch });
    const { supervisor } = supervised;
    await until(
      () => front.held() === 1,
      () => 'the handshake began',
    );
    const renewed = authority.issue({ commonName: 'renewed' });
    overwrite(files.cert, renewed.certificate);
    overwrite(files.key, renewed.key);
    await watch.checkNow();
    // The change was seen, and nobody was there to move.
    expect(moved).toEqual([0]);

    front.hold(false);
    await untilState(supervisor, 'registered', 'alice');
    expect(front.clients()).toEqual(['former']);
    const before = accountOf(supervisor, 'alice').lifecycle.registration.flow?.id;
    expect(await refreshAccounts(supervisor, ['alice'])).toMatchObject([{ ok: true }]);
    expect(front.clients()).toEqual(['former', 'renewed']);
    expect(accountOf(supervisor, 'alice').lifecycle.registration.flow?.id).not.toBe(before);
    // And stays there.
    expect(await refreshAccounts(supervisor, ['alice'])).toMatchObject([{ ok: true }]);
    expect(front.clients()).toEqual(['former', 'renewed']);
  });
});
