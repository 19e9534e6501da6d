import { describe, expect, it } from 'vitest';
import { secretSourcesOf } from '../../src/accounts/plan.ts';
import { entryOf } from './scratch.ts';

describe('the secrets of an account', () => {
  it('are where the file says, each with its realm and user name', async () => {
    const keys = {
      username: 'u',
      realm: 'r',
      password: { file: 'office.secret' },
      credentials: [
        { realm: 's', username: 'v', password: { command: ['pass', 'show'] } },
        { username: 'w', ha1: { MD5: { env: 'HA1' }, 'SHA-256': 'a'.repeat(64) } },
        { realm: 't', username: 'x', ha1: { credential: 'x' } },
      ],
    };
    expect(secretSourcesOf(await entryOf(keys), '/etc/sipreg')).toEqual([
      {
        realm: 'r',
        username: 'u',
        secret: { type: 'password', source: { type: 'file', path: '/etc/sipreg/office.secret' } },
      },
      {
        realm: 's',
        username: 'v',
        secret: { type: 'password', source: { type: 'command', argv: ['pass', 'show'] } },
      },
      {
        realm: null,
        username: 'w',
        secret: {
          type: 'ha1-by-algorithm',
          sources: {
            MD5: { type: 'env', variable: 'HA1' },
            'SHA-256': { type: 'literal', text: 'a'.repeat(64) },
          },
        },
      },
      { realm: 't', username: 'x', secret: { type: 'ha1', source: { type: 'credential', id: 'x' } } },
    ]);
  });

  it('are none without a password, and one with an empty password', async () => {
    expect(secretSourcesOf(await entryOf({}), '/')).toEqual([]);
    expect(secretSourcesOf(await entryOf({ password: '' }), '/')).toEqual([
      { realm: null, username: '1008', secret: { type: 'password', source: { type: 'literal', text: '' } } },
    ]);
  });

  it('R287 are all under the digest policy of the account', async () => {
    const rows = [{ realm: 's', username: 'v', password: 'x' }];
    const policies = async (digest: object) =>
      secretSourcesOf(await entryOf({ password: 'p', credentials: rows, digest }), '/').map(
        ({ policy }) => policy,
      );
    const strict = { algorithms: ['SHA-256'], needsQop: false };
    expect(await policies({ algorithms: ['SHA-256'] })).toEqual([strict, strict]);
    const all = { algorithms: ['MD5', 'SHA-256', 'SHA-512-256'], needsQop: true };
    expect(await policies({ qop: 'required' })).toEqual([all, all]);
  });
});
