// sip.conf of Asterisk (chan_sip, until version 20): `register =>` lines, and peers with `callbackextension`.

import type { SipUri } from '../../core/sip/uri.ts';
import { isTrue, readAsteriskConfig, type Section, settingIn, settingsIn } from './asterisk-config.ts';
import { asteriskPjsip } from './asterisk-pjsip.ts';
import { parseRegisterLine, type Registration } from './asterisk-register-line.ts';
import { noSecret, type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { addressOfRecord, parseSeconds, parseServer, routingKeys, transportNamed } from './server-address.ts';

export const asteriskSip: ImportFormat = {
  id: 'asterisk-sip',
  title: 'Asterisk, sip.conf',
  recognises: (file) =>
    !asteriskPjsip.recognises(file) && (/(?:^|\/)sip[^/]*\.conf$/.test(file.path) || isSipConf(file)),
  read: readSipConf,
};

/** iax.conf has lines of the same look. */
function isSipConf({ path, text }: ForeignFile): boolean {
  return !/(?:^|\/)iax[^/]*$/.test(path) && REGISTERING.test(text);
}

const REGISTERING =
  /^[ \t]*(?:register[ \t]*=>?[ \t]*[^\s;].*@|callbackextension[ \t]*=|type[ \t]*=>?[ \t]*(?:peer|friend)[ \t]*(?:;|\r?$))/im;

function readSipConf(file: ForeignFile): ImportReading {
  const { sections, leftOut } = readAsteriskConfig(file);
  const real = sections.filter(({ isTemplate }) => !isTemplate);
  const general = real.filter(isGeneral);
  const peers = new Map(real.filter((section) => !isGeneral(section)).map((peer) => [peer.name, peer]));
  const globals = globalsIn(general);
  const lines = general.flatMap((section) =>
    settingsIn(section, 'register').map(({ value, path, line }) => {
      const registration = parseRegisterLine(value);
      const what = 'register =>';
      if ('why' in registration) return { path, line, what, why: registration.why };
      const peer = registration.peer === '' ? undefined : peers.get(registration.peer);
      return proposalFrom({ ...registration, path, line, what }, peer, globals);
    }),
  );
  const calledBack = Array.from(peers.values(), (peer) => readPeer(peer, globals));
  return readingOf([...leftOut, ...lines, ...calledBack.filter((finding) => finding !== null)]);
}

/** A fragment that others include has no section of its own. */
function isGeneral({ name }: Section): boolean {
  return name === 'general' || name === '';
}

/** What [general] says for all. */
type Globals = (name: string) => string;

/** Looked up once: there may be thousands of such sections, and each register line asks. */
function globalsIn(general: readonly Section[]): Globals {
  const last = new Map<string, string>();
  for (const section of general) {
    for (const name of section.settings.keys()) last.set(name, settingIn(section, name) ?? '');
  }
  return (name) => last.get(name) ?? '';
}

/** chan_sip makes a register line of a peer that is to be called back. */
function readPeer(peer: Section, globals: Globals): Proposal | LeftOut | null {
  const extension = settingIn(peer, 'callbackextension') ?? '';
  if (extension === '') return null;
  const { name, path, line } = peer;
  const what = `[${name}]`;
  const setting = (key: string): string => settingIn(peer, key) ?? '';
  const leaveOut = (why: string): LeftOut => ({ path, line, what, why });
  const user = setting('defaultuser') || setting('username') || setting('fromuser');
  const host = setting('host');
  if (user === '') return leaveOut('it has no defaultuser to register');
  if (host === '' || host === 'dynamic') return leaveOut('it has no host to register at');
  const registration: Registration = {
    peer: name,
    transport: null,
    user,
    domain: '',
    domainPort: '',
    secret: setting('remotesecret') || setting('secret'),
    authUser: '',
    host,
    port: setting('port'),
    extension,
    expiry: null,
  };
  return proposalFrom({ ...registration, path, line, what }, peer, globals);
}

function proposalFrom(
  found: Registration & Pick<LeftOut, 'path' | 'line' | 'what'>,
  peer: Section | undefined,
  globals: Globals,
): Proposal | LeftOut {
  const { path, line, what } = found;
  const ofPeer = (key: string): string => (peer && settingIn(peer, key)) || '';
  const leaveOut = (why: string): LeftOut => ({ path, line, what, why });
  const server = parseServer(withPort(found.host, found.port));
  if (server === null) return leaveOut('its host is no name or address');
  const domain = found.domain || ofPeer('fromdomain') || server.host;
  const home = parseServer(withPort(domain, found.domainPort));
  if (home === null) return leaveOut('its domain is no name or address');
  const proxies = proxiesIn(ofPeer('outboundproxy') || globals('outboundproxy'));
  if (proxies === null) return leaveOut('its outboundproxy is no name, address or URI');
  const [transport = ''] = (found.transport ?? ofPeer('transport')).split(',');
  const routing = routingKeys(server, proxies);
  const isNamed = found.peer !== '' && peer !== undefined;
  return {
    name: isNamed ? found.peer : `${found.user}@${domain}`,
    path,
    line,
    what,
    entry: {
      aor: addressOfRecord(found.user, home),
      ...routing,
      transport: transportNamed(transport.trim()) ?? routing.transport,
      username: found.authUser || found.user,
      password: found.secret || undefined,
      expires: parseSeconds(found.expiry ?? (globals('defaultexpiry') || DEFAULT_EXPIRY)),
      // "s" is where Asterisk starts without an extension, and means nothing here.
      contactUser: found.extension === 's' ? undefined : found.extension,
      userAgent: globals('useragent') || undefined,
    },
    notes: [...(found.secret === '' ? [noSecret('secret')] : []), ...notesFor(globals, transport.trim())],
  };
}

const DEFAULT_EXPIRY = '120';

function withPort(host: string, port: string): string {
  return /^\d{1,5}$/.test(port) && Number(port) > 0 ? `${host}:${port}` : host;
}

/** `outboundproxy = [transport://]host[:port][,force]`. */
function proxiesIn(text: string): readonly SipUri[] | null {
  const [written = ''] = text.split(',');
  if (written.trim() === '') return [];
  const [, scheme = '', host = ''] = /^(?:(\w+):\/\/)?(.*)$/.exec(written.trim()) ?? [];
  const proxy = parseServer(host);
  if (proxy === null) return null;
  const transport = transportNamed(scheme);
  return [transport === null ? proxy : { ...proxy, params: [{ name: 'transport', value: transport }] }];
}

function notesFor(globals: Globals, transport: string): readonly string[] {
  const told = ['registertimeout', 'registerattempts', 'register_retry_403'].filter(
    (name) => globals(name) !== '',
  );
  const retries =
    told.length === 0
      ? []
      : [
          `${told.map((name) => `${name} = ${globals(name)}`).join(', ')} ${told.length === 1 ? 'is' : 'are'} left behind: sipreg never gives up, and its waits grow ("retry")`,
        ];
  const isUnverified = transport === 'tls' && isTrue(globals('tlsdontverifyserver'));
  return isUnverified
    ? [...retries, 'tlsdontverifyserver is left behind: sipreg verifies the certificate ("tls")']
    : retries;
}
