import { describe, expect, it } from 'vitest';
import { colorTheme } from '../../../src/cli/colors.ts';
import { accountDetail } from '../../../src/cli/render/account-detail.ts';
import { shortDuration, statusTable, wrapped } from '../../../src/cli/render/status-table.ts';
import { isDown } from '../../../src/cli/status-answer.ts';
import { themeFor } from '../../../src/cli/theme.ts';
import type { AccountSnapshot, FailureSnapshot } from '../../../src/core/health/snapshot.ts';
import { AGENT, accountNamed } from '../../agent/control/fake-operations.ts';

const NOW = new Date('2026-11-21T10:00:30.000Z');
const TERMINAL = { columns: 80, now: NOW };
const PIPE = { columns: null, now: NOW };
const PLAIN = await themeFor(process.stdout, 'never');

const TIMEOUT: FailureSnapshot = {
  stage: 'register',
  code: 'register.timeout',
  status: null,
  reason: null,
  cause:
    'pbx2.example.com (192.0.2.9:5060, udp) did not answer 11 requests within 32 s; it may drop what it does not know',
  advice: 'check the address',
  retryAfter: null,
  at: '2026-11-21T09:59:55.000Z',
};

const ACCOUNTS: readonly AccountSnapshot[] = [
  accountNamed('office'),
  accountNamed('backup-line-of-the-branch', {
    state: 'waiting',
    since: '2026-11-21T09:59:55.000Z',
    expires: null,
    nextAttempt: '2026-11-21T10:00:42.000Z',
    rtt: null,
    target: { transport: 'udp', host: 'pbx2', address: '2001:db8:1234:5678::9', port: 5060 },
    failure: TIMEOUT,
  }),
  accountNamed('old', { state: 'disabled', expires: null, nextAttempt: null, rtt: null, target: null }),
];

describe('the table', () => {
  it('fits 80 columns of a terminal', () => {
    const table = statusTable({ ...AGENT, enabled: 2 }, ACCOUNTS, PLAIN, TERMINAL);
    expect(table).toMatchInlineSnapshot(`
      "ACCOUNT       STATE       SINCE  EXPIRES  NEXT   RTT    TARGET
      office        registered  1h     3m30s    2m45s  34 ms  tls 192.0.2.7:5061
      backup-line…  waiting     35s    -        12s    -      udp [2001:db8:1234:5678…
        ✗ register.timeout: pbx2.example.com (192.0.2.9:5060, udp) did not answer 11
          requests within 32 s; it may drop what it does not know
      old           disabled    1h     -        -      -      -
      1 of 2 registered; agent 4711, up 2 h, /etc/sipreg/accounts.json"
    `);
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('cuts nothing in a pipe', () => {
    const table = statusTable({ ...AGENT, problems: ['the state cannot be written'] }, ACCOUNTS, PLAIN, PIPE);
    expect(table).toMatchInlineSnapshot(`
      "ACCOUNT                    STATE       SINCE  EXPIRES  NEXT   RTT    TARGET
      office                     registered  1h     3m30s    2m45s  34 ms  tls 192.0.2.7:5061
      backup-line-of-the-branch  waiting     35s    -        12s    -      udp [2001:db8:1234:5678::9]:5060
        ✗ register.timeout: pbx2.example.com (192.0.2.9:5060, udp) did not answer 11 requests within 32 s; it may drop what it does not know
      old                        disabled    1h     -        -      -      -
      1 of 1 registered; agent 4711, up 2 h, /etc/sipreg/accounts.json
      ! the state cannot be written"
    `);
  });

  it('has colours beside its widths, not in them', () => {
    const coloured = statusTable(AGENT, ACCOUNTS, colorTheme(), TERMINAL);
    expect(coloured).toContain('\u001b[');
    const bare = coloured.replace(/\u001b\[\d+m/g, '');
    expect(bare).toBe(statusTable(AGENT, ACCOUNTS, PLAIN, TERMINAL));
  });

  it('lets nothing of the network drive the terminal', () => {
    const failure = { ...TIMEOUT, cause: 'it said \u001b]0;owned\u0007' };
    const table = statusTable(AGENT, [accountNamed('a', { failure })], PLAIN, TERMINAL);
    expect(table).not.toMatch(/[\u0007\u001b]/);
  });

  it('says so when there are no accounts', () => {
    expect(statusTable(AGENT, [], PLAIN, PIPE)).toMatch(/^the agent has no accounts\n/);
  });
});

describe('one account in full', () => {
  it('has everything that is known of it', () => {
    const account = {
      ...accountNamed('office', {
        public: { address: '203.0.113.5', port: 40112 },
        tls: {
          protocol: 'TLSv1.3',
          cipher: 'TLS_AES_256_GCM_SHA384',
          peer: {
            subject: 'CN=pbx',
            issuer: 'CN=CA',
            validFrom: '2026-01-01',
            validTo: '2027-01-01',
            sha256: 'AA:BB',
            daysLeft: 40.6,
          },
          own: null,
          clientCertificateRequested: false,
          expiry: 'ok',
          material: { state: 'current', since: null, cause: null },
        },
      }),
      events: [
        { time: '2026-11-21T09:00:00.000Z', severity: 'info' as const, text: 'registering → registered' },
      ],
    };
    const detail = accountDetail(account, PLAIN, TERMINAL);
    expect(inUtc(detail)).toMatchInlineSnapshot(`
      "office  registered since TIME, for 1 h
        aor        sip:office@pbx.example.com
        registrar  sip:pbx.example.com
        granted    5 min, ends in 3 min 30 s, at TIME
                   by our contact's expires, found by URI, 1 h asked
        next       refreshed in 2 min 45 s, at TIME
        target     tls 192.0.2.7:5061 (pbx.example.com), round trip 34 ms
        local      192.0.2.50:40112
        public     203.0.113.5:40112, as the registrar sees it
        tls        TLSv1.3 TLS_AES_256_GCM_SHA384
                   peer CN=pbx
                   issued by CN=CA, valid to 2027-01-01 (40.6 days left)
                   SHA-256 AA:BB
        digest     realm "pbx.example.com", SHA-256, qop auth
        Call-ID    0123456789abcdef
        CSeq       7, 2 requests for the last outcome
        bindings   sip:office@192.0.2.50:40112  5 min, ours
        events     TIME  registering → registered"
    `);
  });

  it.each([
    ['waiting', '2026-11-21T10:00:42.000Z', /tried again in 12 s, at /],
    ['blocked', null, /nothing until the secret changes, or "sipreg refresh office"/],
    ['blocked', '2026-11-21T16:00:30.000Z', /probed in 6 h, at /],
    ['paused', null, /nothing until "sipreg resume office"/],
    ['disabled', null, /"enabled" is false/],
  ] as const)('says what comes next when it is %s', (state, nextAttempt, words) => {
    expect(accountDetail(accountNamed('office', { state, nextAttempt }), PLAIN, PIPE)).toMatch(words);
  });

  it('has the evidence of its failure', () => {
    const failure = { ...TIMEOUT, status: 503, reason: 'Busy', retryAfter: 120 };
    const detail = accountDetail(accountNamed('office', { failure }), PLAIN, PIPE);
    expect(detail).toMatch(/failure {4}register\.timeout at .*, answer 503 Busy, Retry-After 2 min\n/);
    expect(detail).toContain(`cause    ${TIMEOUT.cause}\n`);
    expect(detail).toContain('advice   check the address\n');
  });
});

it('an account is down when it should be registered and is not', () => {
  const states = ['registered', 'refreshing', 'disabled', 'paused', 'standby'] as const;
  expect(states.filter((state) => isDown(accountNamed('a', { state })))).toEqual([]);
  const down = ['unregistered', 'registering', 'waiting', 'blocked', 'unregistering'] as const;
  expect(down.filter((state) => isDown(accountNamed('a', { state })))).toEqual(down);
});

it.each([
  [0, '0s'],
  [59.4, '59s'],
  [60, '1m'],
  [312, '5m12s'],
  [3600, '1h'],
  [5400, '1h30m'],
  [183_600, '2d3h'],
  [864_000, '10d'],
])('%d s are %s', (seconds, text) => {
  expect(shortDuration(seconds)).toBe(text);
});

it('text is wrapped between words, and within those that are too long', () => {
  expect(wrapped('one two three four five six', 20)).toEqual(['one two three four', 'five six']);
  expect(wrapped('x'.repeat(45), 20)).toEqual(['x'.repeat(20), 'x'.repeat(20), 'x'.repeat(5)]);
  expect(wrapped('one two', null)).toEqual(['one two']);
});

/** Times are local: the test must not depend on where it runs. */
function inUtc(text: string): string {
  return text.replace(/(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d[+-]\d\d:\d\d/g, 'TIME');
}
