// pjsip_wizard.conf of Asterisk: one section `type = wizard` stands for a registration at each of its remote_hosts and for
// their auth. They are made as sections that one would write into pjsip.conf.

import { isTrue, type Section, type Setting, settingIn } from './asterisk-config.ts';
import type { LeftOut } from './reading.ts';

/** As many sections as wizards of one file may make: a template could give each of thousands a long list of hosts. */
export const MAX_WIZARD_SECTIONS = 100_000;

/** The registrations and the auth of a wizard; none when it sends no registrations. */
export function sectionsOfWizard(wizard: Section): readonly Section[] | LeftOut {
  if (!isTrue(settingIn(wizard, 'sends_registrations'))) return [];
  const { name, path, line } = wizard;
  const leaveOut = (why: string): LeftOut => ({ path, line, what: `[${name}]`, why });
  const hosts = (settingIn(wizard, 'remote_hosts') ?? '')
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  if (hosts.length === 0) return leaveOut('it sends registrations, and has no remote_hosts');
  const sendsAuth = isTrue(settingIn(wizard, 'sends_auth'));
  const username = sendsAuth ? settingIn(wizard, 'outbound_auth/username') : name;
  if (username === undefined) return leaveOut('it sends auth, and has no outbound_auth/username');
  const registrations = hosts.map((host, at) =>
    sectionFrom(wizard, hosts.length === 1 ? name : `${name}-reg-${at}`, {
      ...settingsBelow(wizard, 'registration/'),
      ...patternSettings(
        wizard,
        new Map([
          ['REMOTE_HOST', host],
          ['USERNAME', username],
        ]),
      ),
      ...(sendsAuth && { outbound_auth: authName(wizard) }),
    }),
  );
  if (!sendsAuth) return registrations;
  const auth = { auth_type: 'userpass', ...settingsBelow(wizard, 'outbound_auth/'), type: 'auth' };
  return [...registrations, sectionFrom(wizard, authName(wizard), auth)];
}

type Settings = Readonly<Record<string, string>>;

function authName({ name }: Section): string {
  return `${name}-oauth`;
}

/** What a wizard says of all its registrations, and its URIs with the variables filled in. */
function patternSettings(wizard: Section, variables: ReadonlyMap<string, string>): Settings {
  // A function: a user name may have "$&".
  const filled = (pattern: string): string =>
    pattern.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables.get(name) ?? whole);
  const setting = (name: string, fallback: string): string => settingIn(wizard, name) ?? fallback;
  const proxy = settingIn(wizard, 'outbound_proxy');
  const transport = settingIn(wizard, 'transport');
  return {
    type: 'registration',
    server_uri: filled(setting('server_uri_pattern', `sip:${variable('REMOTE_HOST')}`)),
    client_uri: filled(
      setting('client_uri_pattern', `sip:${variable('USERNAME')}@${variable('REMOTE_HOST')}`),
    ),
    ...(proxy && { outbound_proxy: proxy }),
    ...(transport && { transport }),
  };
}

function variable(name: string): string {
  return `\${${name}}`;
}

/** The settings that begin with `prefix`, without it; of several the last. */
function settingsBelow({ settings }: Section, prefix: string): Settings {
  const below: Record<string, string> = {};
  for (const [name, all] of settings) {
    if (name.startsWith(prefix)) below[name.slice(prefix.length)] = all.at(-1)?.value ?? '';
  }
  return below;
}

function sectionFrom({ path, line }: Section, name: string, settings: Settings): Section {
  const entries = Object.entries(settings).map(([key, value]): [string, readonly Setting[]] => [
    key,
    [{ value, path, line }],
  ]);
  return { name, path, line, isTemplate: false, settings: new Map(entries) };
}
