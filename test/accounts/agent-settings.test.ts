import { describe, expect, it } from 'vitest';
import { hepPlanOf, httpPlanOf, noticesPlanOf } from '../../src/accounts/agent-settings.ts';

describe('the settings of the HTTP server', () => {
  it('are none unless it is asked for', () => {
    expect(httpPlanOf(undefined, '/etc/sipreg')).toBeNull();
    expect(httpPlanOf({ httpToken: 'a' }, '/etc/sipreg')).toBeNull();
  });

  it('name address, port, hosts and where the token is', () => {
    expect(httpPlanOf({ http: '127.0.0.1:9724' }, '/etc/sipreg')).toEqual({
      listen: { host: '127.0.0.1', port: 9724 },
      token: null,
      hosts: [],
    });
    const agent = { http: '[::]:80', httpToken: { file: 'http.token' }, httpHosts: ['pbx.example.com'] };
    expect(httpPlanOf(agent, '/etc/sipreg')).toEqual({
      listen: { host: '::', port: 80 },
      token: { type: 'file', path: '/etc/sipreg/http.token' },
      hosts: ['pbx.example.com'],
    });
  });
});

describe('the settings of the notices', () => {
  it('are none when nobody is named', () => {
    expect(noticesPlanOf(undefined, '/etc/sipreg')).toBeNull();
    expect(noticesPlanOf({ notices: { after: 5 } }, '/etc/sipreg')).toBeNull();
  });

  it('have their defaults, and where the URLs are', () => {
    const heartbeat = { url: { env: 'PING_URL' } };
    const webhook = 'https://hooks.example.com/x';
    expect(noticesPlanOf({ notices: { command: ['a'], webhook, heartbeat } }, '/etc/sipreg')).toEqual({
      afterSeconds: 60,
      repeatSeconds: 21_600,
      command: ['a'],
      webhook: { type: 'literal', text: webhook },
      heartbeat: { url: { type: 'env', variable: 'PING_URL' }, intervalSeconds: 60 },
    });
  });
});

describe('the settings of the mirror', () => {
  it('are none unless it is asked for', () => {
    expect(hepPlanOf({}, '/etc/sipreg')).toBeNull();
  });

  it('have their defaults, and where the password is', () => {
    const server = { host: '2001:db8::9', port: 9060 };
    const bare = { server, id: 1, node: null, password: null };
    expect(hepPlanOf({ hep: { server: '[2001:db8::9]:9060' } }, '/etc/sipreg')).toEqual(bare);
    const hep = { server: 'homer:9060', id: 2001, node: 'edge', password: { file: 'hep.secret' } };
    expect(hepPlanOf({ hep }, '/etc/sipreg')).toEqual({
      server: { host: 'homer', port: 9060 },
      id: 2001,
      node: 'edge',
      password: { type: 'file', path: '/etc/sipreg/hep.secret' },
    });
  });
});
