import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveAddresses, usableFirst } from '../../src/runtime/dns.ts';
import { type DnsTestServer, startDnsServer } from '../support/dns-server.ts';

let server: DnsTestServer;

beforeAll(async () => {
  server = await startDnsServer({
    'both.example.com': { a: ['127.0.0.5', '127.0.0.6'], aaaa: ['::1'] },
    'four.example.com': { a: ['127.0.0.5'] },
    'mail.example.com': {},
    'broken.example.com': 'servfail',
    'silent.example.com': 'silent',
  });
});
afterAll(() => server.stop());

async function resolve(host: string, servers: readonly string[] = [server.address]) {
  const found = await resolveAddresses(host, { servers });
  return found.ok ? found.value : found.error.code;
}

describe('addresses of a host', () => {
  it('of an IP literal are itself, and nobody is asked', async () => {
    expect(await resolve('192.0.2.1', [])).toEqual(['192.0.2.1']);
    expect(await resolve('2001:db8::1', [])).toEqual(['2001:db8::1']);
    expect(await resolve('[2001:db8::1]', ['127.0.0.1:1'])).toEqual(['2001:db8::1']);
  });

  it('come from /etc/hosts when the system is asked', async () => {
    const found = await resolve('localhost', []);
    expect(found.includes('127.0.0.1') || found.includes('::1')).toBe(true);
  });

  it('come from the given servers, of both families', async () => {
    expect(new Set(await resolve('both.example.com'))).toEqual(new Set(['::1', '127.0.0.5', '127.0.0.6']));
    expect(await resolve('four.example.com')).toEqual(['127.0.0.5']);
  });

  it('put families that this host does not have last, and keep the order else', () => {
    const mixed = ['2001:db8::1', '192.0.2.1', '2001:db8::2', '127.0.0.1'];
    expect(usableFirst(mixed, new Set([4]))).toEqual([
      '192.0.2.1',
      '127.0.0.1',
      '2001:db8::1',
      '2001:db8::2',
    ]);
    expect(usableFirst(mixed, new Set([4, 6]))).toEqual(mixed);
    expect(usableFirst(['192.0.2.1', '2001:db8::1'], new Set([6]))).toEqual(['2001:db8::1', '192.0.2.1']);
  });
});

describe('why there are none', () => {
  it('the name does not exist', async () => {
    expect(await resolve('nobody.example.com')).toBe('dns.no-such-name');
  });

  it('the name has no address', async () => {
    expect(await resolve('mail.example.com')).toBe('dns.no-address');
  });

  it('the server answers with an error', async () => {
    expect(await resolve('broken.example.com')).toBe('dns.failed');
  });

  it('the server does not answer', async () => {
    expect(await resolve('silent.example.com')).toBe('dns.timeout');
  });

  it('what is asked is not a server', async () => {
    expect(await resolve('four.example.com', ['not an address'])).toBe('dns.failed');
  });

  it('says who was asked for what', async () => {
    const found = await resolveAddresses('nobody.example.com', { servers: [server.address] });
    expect(found.ok ? '' : found.error.cause).toBe(
      `${server.address} says that there is no name "nobody.example.com"`,
    );
  });
});
