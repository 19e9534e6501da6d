// pjsip.conf of Asterisk (res_pjsip): an account for each `type = registration`, with its auth and its transport. Without
// contact_user Asterisk writes "s", an extension of its own; sipreg writes the AOR's user.

import { formatUri, type SipUri, unescape as unescapeUser } from '../../core/sip/uri.ts';
import { authKeys } from './asterisk-auth.ts';
import { isTrue, readAsteriskConfig, type Section, settingIn } from './asterisk-config.ts';
import { type FoundKeys, type Transport, transportKeys } from './asterisk-transport.ts';
import { MAX_WIZARD_SECTIONS, sectionsOfWizard } from './asterisk-wizard.ts';
import { contactParamsEntry, parseParamList } from './param-lists.ts';
import { type Proposal, readingOf } from './proposal.ts';
import type { ForeignFile, ImportFormat, ImportReading, LeftOut } from './reading.ts';
import { parseAddress, parseSeconds, parseServer, routingKeys, withoutTransport } from './server-address.ts';

export const asteriskPjsip: ImportFormat = {
  id: 'asterisk-pjsip',
  title: 'Asterisk, pjsip.conf and pjsip_wizard.conf',
  recognises: ({ path, text }) => /(?:^|\/)pjsip[^/]*\.conf$/.test(path) || OBJECT_TYPE.test(text),
  read: readPjsip,
};

const OBJECT_TYPE =
  /^[ \t]*type[ \t]*=>?[ \t]*(?:registration|auth|endpoint|aor|transport|wizard|identify|global)[ \t]*(?:;|\r?$)/im;

function readPjsip(file: ForeignFile): ImportReading {
  const config = readAsteriskConfig(file);
  const { sections, leftOut } = withWizards(config.sections.filter(({ isTemplate }) => !isTemplate));
  const objects = objectsIn([...sections, ...sectionsBeside(file, config.sections)]);
  const registrations = sections.filter((section) => typeOf(section) === 'registration');
  const findings = registrations.map((section) => readRegistration(section, objects));
  return readingOf([...config.leftOut, ...leftOut, ...findings]);
}

/** The transports of wizards are in pjsip.conf. */
function sectionsBeside(file: ForeignFile, sections: readonly Section[]): readonly Section[] {
  if (!sections.some((section) => typeOf(section) === 'wizard')) return [];
  const beside = file.include({ path: 'pjsip.conf', line: 1, optional: true });
  return beside.flatMap((one) => readAsteriskConfig(one).sections.filter(({ isTemplate }) => !isTemplate));
}

/** Every section that is no wizard, and what the wizards make. */
function withWizards(sections: readonly Section[]): {
  readonly sections: readonly Section[];
  readonly leftOut: readonly LeftOut[];
} {
  const found: Section[] = [];
  const leftOut: LeftOut[] = [];
  let made = 0;
  for (const section of sections) {
    if (typeOf(section) !== 'wizard') {
      found.push(section);
      continue;
    }
    const { name, path, line } = section;
    const outcome =
      made < MAX_WIZARD_SECTIONS
        ? sectionsOfWizard(section)
        : { path, line, what: `[${name}]`, why: 'the wizards of this file make too many registrations' };
    if ('why' in outcome) {
      leftOut.push(outcome);
      continue;
    }
    made += outcome.length;
    found.push(...outcome);
  }
  return { sections: found, leftOut };
}

function typeOf(section: Section): string {
  return (settingIn(section, 'type') ?? '').toLowerCase();
}

type Objects = (type: string, name: string) => Section | null;

function objectsIn(sections: readonly Section[]): Objects {
  const key = (type: string, name: string): string => `${type} ${name}`;
  const known = new Map(
    sections.toReversed().map((section) => [key(typeOf(section), section.name), section]),
  );
  return (type, name) => known.get(key(type, name)) ?? null;
}

function readRegistration(section: Section, objects: Objects): Proposal | LeftOut {
  const { name, path, line } = section;
  const what = `[${name}]`;
  const leaveOut = (why: string): LeftOut => ({ path, line, what, why });
  const setting = (key: string): string => settingIn(section, key) ?? '';
  for (const key of ['client_uri', 'server_uri']) {
    if (setting(key) === '') return leaveOut(`it has no ${key}`);
    if (setting(key).includes('${')) return leaveOut(`its ${key} has a variable: write what it stands for`);
  }
  const client = parseAddress(setting('client_uri'));
  const server = parseServer(setting('server_uri'));
  const proxies = routesIn(setting('outbound_proxy'));
  if (client === null) return leaveOut('its client_uri is no SIP URI');
  if (client.user === null) return leaveOut('its client_uri has no user');
  if (server === null) return leaveOut('its server_uri is no SIP URI');
  if (proxies === null) return leaveOut('its outbound_proxy is no SIP URI');
  const routing = routingKeys(server, proxies);
  const reached = pathKeys(setting('transport'), objects, routing.transport);
  const credentials = authKeys(
    wordsOf(setting('outbound_auth')).map((auth) => ({ name: auth, section: objects('auth', auth) })),
    unescapeUser(client.user),
  );
  const isSips = (proxies[0] ?? server).scheme === 'sips';
  return {
    name,
    path,
    line,
    what,
    entry: {
      aor: formatUri({ ...withoutTransport(client), headers: [] }),
      ...routing,
      ...reached.keys,
      // Its TLS wins over the transport of that name.
      ...(isSips && { transport: routing.transport }),
      ...credentials.keys,
      expires: parseSeconds(setting('expiration')),
      contactUser: setting('contact_user') || undefined,
      contactParams: contactParamsEntry(parseParamList(setting('contact_header_params')) ?? []),
      userAgent: setting('user_agent') || globalUserAgent(objects),
    },
    notes: [...reached.notes, ...credentials.notes, ...leftBehind(section)],
  };
}

/** `<sip:a;lr>,<sip:b;lr>` or one URI; null: one of them is none. `hide` is a word of pjproject, not of SIP. */
function routesIn(text: string): readonly SipUri[] | null {
  const routes = (text.includes('<') ? text.split(/,(?=\s*(?:"[^"]*"\s*)?<)/) : [text])
    .filter((route) => route.trim() !== '')
    .map(parseServer);
  const known = routes.filter((route) => route !== null);
  if (known.length < routes.length) return null;
  return known.map((route) => ({
    ...route,
    params: route.params.filter(({ name }) => !['lr', 'hide'].includes(name.toLowerCase())),
  }));
}

function pathKeys(name: string, objects: Objects, named: Transport): FoundKeys {
  if (name === '') return { keys: {}, notes: [] };
  const section = objects('transport', name);
  if (section !== null) return transportKeys(section, named);
  const rest = named === undefined ? ': DNS says how the server is reached (else set "transport")' : '';
  return { keys: {}, notes: [`transport = ${name} is not in what was read${rest}`] };
}

function wordsOf(list: string): readonly string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function globalUserAgent(objects: Objects): string | undefined {
  const section = objects('global', 'global');
  return (section && settingIn(section, 'user_agent')) || undefined;
}

function leftBehind(section: Section): readonly string[] {
  const told = (names: readonly string[]): readonly string[] =>
    names
      .map((name) => [name, settingIn(section, name) ?? ''])
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name} = ${value}`);
  const note = (names: readonly string[], why: string): readonly string[] => {
    const words = told(names);
    return words.length === 0
      ? []
      : [`${words.join(', ')} ${words.length === 1 ? 'is' : 'are'} left behind: ${why}`];
  };
  const isLine = isTrue(settingIn(section, 'line'));
  const hasParams = parseParamList(settingIn(section, 'contact_header_params') ?? '') !== null;
  return [
    ...(hasParams ? [] : ['contact_header_params is left behind: write them like a=1;b']),
    ...note(
      ['max_retries', 'retry_interval', 'fatal_retry_interval', 'auth_rejection_permanent'],
      'sipreg never gives up, and its waits grow ("retry")',
    ),
    // Every ten minutes, as many have it, is what gets a host banned (behaviour.md §10).
    ...note(
      ['forbidden_retry_interval'],
      'rejected credentials are tried three times, then every 6 h ("retry")',
    ),
    ...note(isLine ? ['line', 'endpoint'] : ['endpoint'], 'calls go where the Contact points ("contact")'),
    ...note(['security_mechanisms'], 'sipreg does not negotiate security (RFC 3329)'),
  ];
}
