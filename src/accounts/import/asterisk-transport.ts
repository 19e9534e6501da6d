// `type = transport` of Asterisk's pjsip.conf: how an account reaches its server, from which address, with which TLS files.

import { splitSocketAddress } from '../value-rules.ts';
import { isTrue, type Section, settingIn } from './asterisk-config.ts';
import type { ProposedEntry } from './proposal.ts';
import { transportNamed } from './server-address.ts';

export type FoundKeys = { readonly keys: Omit<ProposedEntry, 'aor'>; readonly notes: readonly string[] };

export type Transport = ProposedEntry['transport'];

/** `named`: what the URI of the server says, which comes first. */
export function transportKeys(section: Section, named: Transport): FoundKeys {
  const protocol = transportNamed(settingIn(section, 'protocol') ?? '');
  // Over a WebSocket Asterisk is only a server.
  const transport = named ?? (protocol === 'ws' || protocol === 'wss' ? undefined : (protocol ?? undefined));
  const local = localAddress(section, transport === 'udp');
  const secured = transport === 'tls' ? tlsKeys(section) : NOTHING;
  const notes = PUBLIC_ADDRESS.some((name) => settingIn(section, name))
    ? ['external_signaling_address is left behind: sipreg learns its public address from the registrar']
    : [];
  return {
    keys: { transport, local, ...secured.keys },
    notes: [...secured.notes, ...notes],
  };
}

const NOTHING: FoundKeys = { keys: {}, notes: [] };

const PUBLIC_ADDRESS = ['external_signaling_address', 'external_signaling_hostname'];

/**
 * An address of this host, or a port, that was chosen. 5060 and 5061 are where Asterisk itself listens, and stay free for it;
 * over TCP and TLS its port only listens, and connections have another.
 */
function localAddress(section: Section, isUdp: boolean): string | undefined {
  const bind = splitSocketAddress(settingIn(section, 'bind') ?? '');
  if (bind === null) return undefined;
  const port = isUdp && bind.port !== null && !LISTENING_PORTS.includes(bind.port) ? bind.port : 0;
  if (ANY_ADDRESS.includes(bind.address) && port === 0) return undefined;
  return bind.address.includes(':') ? `[${bind.address}]:${port}` : `${bind.address}:${port}`;
}

const LISTENING_PORTS = [5060, 5061];
const ANY_ADDRESS = ['0.0.0.0', '::'];

function tlsKeys(section: Section): FoundKeys {
  const [ca, cert, key, passphrase] = [
    settingIn(section, 'ca_list_file') || settingIn(section, 'ca_list_path'),
    settingIn(section, 'cert_file'),
    settingIn(section, 'priv_key_file'),
    settingIn(section, 'password'),
  ];
  const minVersion = MIN_VERSIONS.get((settingIn(section, 'method') ?? '').toLowerCase());
  // pjproject takes a key from the file of the certificate; here both are named.
  const ownKey = cert && { cert, key: key || cert, ...(passphrase && { keyPassphrase: passphrase }) };
  const tls = {
    ...(ca && { ca }),
    ...ownKey,
    ...(isTrue(settingIn(section, 'allow_wildcard_certs')) && { allowWildcard: true }),
    ...(minVersion && { minVersion }),
  };
  const relative = [ca, cert, key].filter((path) => path && !path.startsWith('/'));
  return {
    keys: Object.keys(tls).length === 0 ? {} : { tls },
    notes: [
      ...relative.map((path) => `${path} is looked for beside the accounts file: write its whole path there`),
      ...(isTrue(settingIn(section, 'verify_server')) ? [] : [NOT_VERIFIED]),
    ],
  };
}

const NOT_VERIFIED =
  'verify_server = no is left behind: sipreg verifies the certificate ("tls": {"verify": "none"} would not)';

const MIN_VERSIONS: ReadonlyMap<string, 'TLSv1' | 'TLSv1.1' | 'TLSv1.3'> = new Map([
  ['tlsv1', 'TLSv1'],
  ['tlsv1_1', 'TLSv1.1'],
  ['tlsv1_3', 'TLSv1.3'],
]);
