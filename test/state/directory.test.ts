// interface.md, "Where things are": which directory holds the state, and which one the socket.

import { describe, expect, it } from 'vitest';
import { runtimeDirectory, type Surroundings, stateDirectory } from '../../src/state/directory.ts';

const user: Surroundings = { env: {}, accountsPath: null, home: '/home/ann', uid: 1000 };

describe('the state directory', () => {
  it.each<[string, Partial<Surroundings>, string | null]>([
    [
      'systemd names it',
      { env: { STATE_DIRECTORY: '/var/lib/a' }, accountsPath: '/etc/sipreg/a.json' },
      '/var/lib/a',
    ],
    ['the first that systemd names', { env: { STATE_DIRECTORY: '/var/lib/a:/var/lib/b' } }, '/var/lib/a'],
    ['accounts in /etc', { accountsPath: '/etc/sipreg/accounts.json' }, '/var/lib/sipreg'],
    [
      'accounts in /etc, XDG set',
      { accountsPath: '/etc/a.json', env: { XDG_STATE_HOME: '/x' } },
      '/var/lib/sipreg',
    ],
    [
      'accounts that only pass by /etc',
      { accountsPath: '/etc/../srv/a.json' },
      '/home/ann/.local/state/sipreg',
    ],
    [
      'a directory that only begins like /etc',
      { accountsPath: '/etcetera/a.json' },
      '/home/ann/.local/state/sipreg',
    ],
    ['XDG', { env: { XDG_STATE_HOME: '/x/state' } }, '/x/state/sipreg'],
    ['a relative XDG is ignored', { env: { XDG_STATE_HOME: 'state' } }, '/home/ann/.local/state/sipreg'],
    ['an empty variable is ignored', { env: { STATE_DIRECTORY: '' } }, '/home/ann/.local/state/sipreg'],
    ['no home', { home: null }, null],
  ])('%s', (_, surroundings, expected) => {
    expect(stateDirectory({ ...user, ...surroundings })).toBe(expected);
  });
});

describe('the runtime directory', () => {
  it.each<[string, Partial<Surroundings>, string | null]>([
    ['systemd names it', { env: { RUNTIME_DIRECTORY: '/run/a:/run/b' } }, '/run/a'],
    ['accounts in /etc', { accountsPath: '/etc/sipreg/accounts.json' }, '/run/sipreg'],
    ['XDG', { env: { XDG_RUNTIME_DIR: '/run/user/7' } }, '/run/user/7/sipreg'],
  ])('%s', (_, surroundings, expected) => {
    expect(runtimeDirectory({ ...user, ...surroundings }, () => false)).toBe(expected);
  });

  it('is the one of the login when cron does not name it', () => {
    expect(runtimeDirectory(user, (path, uid) => path === '/run/user/1000' && uid === 1000)).toBe(
      '/run/user/1000/sipreg',
    );
  });

  it('is the state directory where there is no other', () => {
    expect(runtimeDirectory(user, () => false)).toBe('/home/ann/.local/state/sipreg');
  });
});
