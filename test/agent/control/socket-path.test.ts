import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configuredSocket, type SocketSearch, socketPath } from '../../../src/agent/control/socket-path.ts';

const SEARCH: SocketSearch = {
  option: 'own.sock',
  env: { SIPREG_SOCKET: '/srv/env.sock', RUNTIME_DIRECTORY: '/run/service', XDG_RUNTIME_DIR: '/run/user/7' },
  configured: () => 'sub/configured.sock',
  accountsPath: '/srv/accounts/a.json',
  home: '/home/a',
  uid: 7,
};

describe('the socket path', () => {
  it("is the option's, the environment's, the service's, the file's, the user's, in this order", () => {
    const { SIPREG_SOCKET: _, ...service } = SEARCH.env;
    const { RUNTIME_DIRECTORY: __, ...user } = service;
    const none = { ...SEARCH, option: undefined, env: user };
    expect(socketPath(SEARCH)).toBe(join(process.cwd(), 'own.sock'));
    expect(socketPath({ ...SEARCH, option: undefined })).toBe('/srv/env.sock');
    expect(socketPath({ ...SEARCH, option: undefined, env: service })).toBe('/run/service/agent.sock');
    expect(socketPath(none)).toBe('/srv/accounts/sub/configured.sock');
    expect(socketPath({ ...none, configured: () => null })).toBe('/run/user/7/sipreg/agent.sock');
  });

  it('is the system-wide one for accounts in /etc', () => {
    const search = { ...SEARCH, option: undefined, env: {}, configured: () => null };
    expect(socketPath({ ...search, accountsPath: '/etc/sipreg/accounts.json' })).toBe(
      '/run/sipreg/agent.sock',
    );
  });
});

describe('agent.socket of the accounts file', () => {
  it.each([
    ['{"agent": {"socket": "/run/x.sock"}}', '/run/x.sock'],
    ['{"agent": {"socket": 5}}', null],
    ['{"accounts": {"socket": {}}}', null],
    ['{"agent": {"socket": "/run/x.sock"', null],
    ['null "socket"', null],
    ['\uFEFF{"agent": {"socket": "/run/x.sock"}}', '/run/x.sock'],
  ])('in %s', (text, socket) => {
    const directory = mkdtempSync(join(tmpdir(), 'sipreg-path-'));
    const file = join(directory, 'a.json');
    try {
      expect(configuredSocket(file)).toBeNull();
      writeFileSync(file, text);
      expect(configuredSocket(file)).toBe(socket);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is not waited for at a pipe', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sipreg-path-'));
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    expect(configuredSocket(join(directory, 'pipe'))).toBeNull();
    rmSync(directory, { recursive: true });
  });
});
