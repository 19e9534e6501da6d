import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateAccountsFile, userStorePath } from '../../src/accounts/location.ts';
import { scratchDirectory } from './scratch.ts';

describe('which file', () => {
  it("is that of the option, else of $SIPREG_CONFIG, else the user's own if there is one, else the system's", () => {
    const home = scratchDirectory();
    const env = { SIPREG_CONFIG: '/srv/env.json' };
    expect(locateAccountsFile({ option: '/srv/option.json', env, home })).toEqual({
      path: '/srv/option.json',
      kind: 'option',
    });
    expect(locateAccountsFile({ option: undefined, env, home })).toEqual({
      path: '/srv/env.json',
      kind: 'environment',
    });
    const system = { path: '/etc/sipreg/accounts.json', kind: 'system' };
    expect(locateAccountsFile({ option: undefined, env: {}, home })).toEqual(system);
    expect(locateAccountsFile({ option: undefined, env: { SIPREG_CONFIG: '' }, home })).toEqual(system);
    mkdirSync(join(home, '.config', 'sipreg'), { recursive: true });
    const store = join(home, '.config', 'sipreg', 'accounts.json');
    writeFileSync(store, '{"accounts": {}}');
    expect(locateAccountsFile({ option: undefined, env: {}, home })).toEqual({
      path: store,
      kind: 'user-store',
    });
  });

  it('is absolute', () => {
    expect(locateAccountsFile({ option: 'a.json', env: {}, home: '/' }).path).toBe(
      join(process.cwd(), 'a.json'),
    );
  });

  it('follows $XDG_CONFIG_HOME when that is absolute', () => {
    expect(userStorePath({ XDG_CONFIG_HOME: '/x' }, '/home/a')).toBe('/x/sipreg/accounts.json');
    expect(userStorePath({ XDG_CONFIG_HOME: 'x' }, '/home/a')).toBe('/home/a/.config/sipreg/accounts.json');
    expect(userStorePath({}, '/home/a')).toBe('/home/a/.config/sipreg/accounts.json');
  });
});
