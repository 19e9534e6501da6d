import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AgentEvent } from '../../../src/agent/events.ts';
import { createAgentMetrics, resultOf } from '../../../src/agent/metrics.ts';
import { VERDICTS } from '../../../src/core/health/verdict.ts';
import { NO_BODY, type SipMessage } from '../../../src/core/sip/message.ts';
import { accountNamed } from '../control/fake-operations.ts';
import { failureEvent, stateEvent } from '../log/events.ts';
import { fakeView, serve } from './http-scene.ts';
import { someAccounts } from './page-facts.ts';

const PROMTOOL = '/usr/bin/promtool';
const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';

/** operations.md §1.4, with a sample of each as it has to stand there. */
const METRIC_SET = `
sipreg_build_info sipreg_account_info sipreg_registered sipreg_account_state
sipreg_registration_expiry_timestamp_seconds sipreg_registration_last_success_timestamp_seconds
sipreg_registration_last_attempt_timestamp_seconds sipreg_registration_next_attempt_timestamp_seconds
sipreg_account_state_change_timestamp_seconds sipreg_registration_granted_expires_seconds sipreg_consecutive_failures
sipreg_register_attempts_total sipreg_register_responses_total sipreg_register_duration_seconds_bucket
sipreg_register_duration_seconds_sum sipreg_register_duration_seconds_count sipreg_retransmissions_total
sipreg_keepalive_failures_total sipreg_flow_failures_total sipreg_public_address_changes_total
sipreg_tls_peer_certificate_expiry_timestamp_seconds sipreg_tls_client_certificate_expiry_timestamp_seconds
sipreg_tls_material_reloads_total sipreg_config_last_reload_successful
sipreg_config_last_reload_success_timestamp_seconds sipreg_event_loop_lag_seconds process_start_time_seconds
process_resident_memory_bytes sipreg_cluster_owner sipreg_cluster_lease_expiry_timestamp_seconds
sipreg_cluster_takeovers_total sipreg_cluster_store_up`
  .trim()
  .split(/\s+/);

async function scrape(url: string, accept?: string): Promise<string> {
  const answer = await fetch(`${url}metrics`, { headers: accept === undefined ? {} : { accept } });
  expect(answer.status).toBe(200);
  return await answer.text();
}

function answer(status: number, method: string): SipMessage {
  const headers = [{ name: 'CSeq', value: `7 ${method}` }];
  return { kind: 'response', version: 'SIP/2.0', status, reason: '', headers, body: NO_BODY };
}

function keepaliveEvent(account: string, code: string): AgentEvent {
  return { time: '2026-11-21T13:00:00.000Z', severity: 'debug', type: 'keepalive', account, code, text: '' };
}

function seriesValue(text: string, series: string): string | undefined {
  return text
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1);
}

describe('/metrics', () => {
  it('has every series of every account before anything has happened', async () => {
    const { url } = await serve(fakeView([accountNamed('office', { state: 'unregistered', expires: null })]));
    const text = await scrape(url);
    const names = new Set(text.split('\n').map((line) => /^\w+/.exec(line)?.[0]));
    expect(METRIC_SET.filter((name) => !names.has(name))).toEqual([]);
    expect(seriesValue(text, 'sipreg_registered{account="office"}')).toBe('0');
    expect(seriesValue(text, 'sipreg_account_state{account="office",state="unregistered"}')).toBe('1');
    expect(seriesValue(text, 'sipreg_account_state{account="office",state="blocked"}')).toBe('0');
    expect(seriesValue(text, 'sipreg_register_attempts_total{account="office",result="auth_rejected"}')).toBe(
      '0',
    );
    expect(seriesValue(text, 'sipreg_register_responses_total{account="office",code="401"}')).toBe('0');
    expect(seriesValue(text, 'sipreg_flow_failures_total{account="office",transport="wss"}')).toBe('0');
    expect(seriesValue(text, 'sipreg_registration_expiry_timestamp_seconds{account="office"}')).toBe('NaN');
    expect(seriesValue(text, 'sipreg_tls_material_reloads_total{result="invalid"}')).toBe('0');
    expect(seriesValue(text, 'sipreg_config_last_reload_successful')).toBe('1');
  });

  it('counts what happens to an account', async () => {
    const fake = fakeView([accountNamed('office')]);
    const { url } = await serve(fake);
    const seen = (port: number) => ({ rtt: 0.034, public: { address: '203.0.113.5', port } });
    fake.emit(stateEvent('office', 'registering', 1_000, {}, 'unregistered'));
    fake.emit(failureEvent('office', 'connect.refused', 2_000, { count: 1 }));
    fake.emit(failureEvent('office', 'auth.rejected', 3_000, { count: 2 }));
    const failing = await scrape(url);
    fake.emit(stateEvent('office', 'registered', 4_000, seen(1), 'registering'));
    fake.emit(stateEvent('office', 'registered', 9_000, { ...seen(2), rtt: 0.6 }, 'refreshing'));
    const bytes = new TextEncoder().encode('REGISTER sip:pbx.example.com SIP/2.0\r\n\r\n');
    for (const content of [bytes, bytes, bytes.slice()]) fake.metrics.message('sent', 'office', content);
    for (const status of [100, 401, 699])
      fake.metrics.message('received', 'office', answer(status, 'REGISTER'));
    fake.metrics.message('received', 'office', answer(200, 'OPTIONS'));
    fake.metrics.message('received', null, answer(200, 'REGISTER'));
    fake.metrics.flowFailed('office', 'tls');
    for (const code of ['sent', 'answered', 'unanswered']) fake.emit(keepaliveEvent('office', code));
    const [time, severity] = ['2026-11-21T13:00:00.000Z', 'warning'] as const;
    fake.emit({
      time,
      severity,
      type: 'warning',
      account: null,
      code: 'tls.material-invalid',
      text: 'no key',
    });
    const text = await scrape(url);
    expect(seriesValue(failing, 'sipreg_consecutive_failures{account="office"}')).toBe('2');
    const series = (name: string, labels = ''): string | undefined =>
      seriesValue(text, `sipreg_${name}{account="office"${labels}}`);
    expect(series('consecutive_failures')).toBe('0');
    expect(series('register_attempts_total', ',result="ok"')).toBe('2');
    expect(series('register_attempts_total', ',result="transport"')).toBe('1');
    expect(series('register_attempts_total', ',result="auth_rejected"')).toBe('1');
    expect(series('register_responses_total', ',code="401"')).toBe('1');
    expect(series('register_responses_total', ',code="other"')).toBe('1');
    expect(series('register_duration_seconds_bucket', ',le="0.02"')).toBe('0');
    expect(series('register_duration_seconds_bucket', ',le="0.05"')).toBe('1');
    expect(series('register_duration_seconds_bucket', ',le="1.0"')).toBe('2');
    expect(series('register_duration_seconds_bucket', ',le="+Inf"')).toBe('2');
    expect(series('register_duration_seconds_count')).toBe('2');
    expect(Number(series('register_duration_seconds_sum'))).toBeCloseTo(0.634);
    expect(series('retransmissions_total')).toBe('1');
    expect(seriesValue(text, 'sipreg_messages_total{direction="sent"}')).toBe('3');
    expect(seriesValue(text, 'sipreg_messages_total{direction="received"}')).toBe('5');
    expect(series('flow_failures_total', ',transport="tls"')).toBe('1');
    expect(series('keepalive_failures_total')).toBe('1');
    expect(series('public_address_changes_total')).toBe('1');
    expect(series('registration_last_attempt_timestamp_seconds')).toBe(
      String(Date.parse('2026-11-21T13:00:01Z') / 1000),
    );
    expect(seriesValue(text, 'sipreg_tls_material_reloads_total{result="invalid"}')).toBe('1');
  });

  it('forgets a removed account, and tells a reload that failed', async () => {
    const fake = fakeView([accountNamed('office'), accountNamed('fax')]);
    const { url } = await serve(fake);
    fake.metrics.message('received', 'fax', answer(200, 'REGISTER'));
    fake.remove('fax');
    const severity = 'error';
    const time = new Date().toISOString();
    fake.emit({ time, severity, type: 'reload', ok: false, text: 'line 3', report: null });
    const text = await scrape(url);
    expect(text).not.toContain('fax');
    expect(fake.metrics.account('fax').responses.every((count) => count === 0)).toBe(true);
    expect(seriesValue(text, 'sipreg_config_last_reload_successful')).toBe('0');
    expect(Number(seriesValue(text, 'sipreg_config_last_reload_success_timestamp_seconds'))).toBeGreaterThan(
      0,
    );
  });

  it('escapes what an AOR may hold', async () => {
    const { url } = await serve(fakeView([accountNamed('office', { aor: 'sip:a"b\\c\nd@example.com' })]));
    expect(await scrape(url)).toContain('aor="sip:a\\"b\\\\c\\nd@example.com"');
  });

  it('is OpenMetrics for those who like it better', async () => {
    const { url } = await serve(fakeView([accountNamed('office')]));
    const text = await scrape(url, OPENMETRICS);
    expect(text.endsWith('# EOF\n')).toBe(true);
    expect(text).toContain('# TYPE sipreg_build info\n');
    expect(text).toContain('# TYPE sipreg_register_attempts counter\n');
    expect(text).toContain('sipreg_register_attempts_total{account="office",result="ok"} 0\n');
    const plain = await scrape(url, 'text/plain;version=0.0.4,application/openmetrics-text;q=0.1');
    expect(plain).not.toContain('# EOF');
    // Queries and alerts must not depend on which of the two was scraped.
    const series = (one: string) =>
      one.split('\n').flatMap((line) => /^(?!#|process|sipreg_event)(\S.*) \S+$/.exec(line)?.[1] ?? []);
    expect(series(text)).toEqual(series(plain));
  });

  it.skipIf(!existsSync(PROMTOOL))('passes promtool check metrics', async () => {
    const fake = fakeView(someAccounts());
    const { url } = await serve(fake);
    for (const account of someAccounts()) fake.change(account);
    const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], {
      input: await scrape(url),
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
  });

  it('is made for ten thousand accounts while everything else goes on', async () => {
    const { url } = await serve(
      fakeView(Array.from({ length: 10_000 }, (_, at) => accountNamed(`account-${at}`))),
    );
    const scraping = fetch(`${url}metrics`);
    const live = await fetch(`${url}livez`);
    expect(live.status).toBe(200);
    const answer = await scraping;
    let length = 0;
    let text = '';
    for await (const chunk of answer.body ?? []) {
      length += chunk.length;
      text = (text + Buffer.from(chunk).toString()).slice(-200);
    }
    expect(length).toBeGreaterThan(30_000_000);
    expect(text).toMatch(/sipreg_cluster_owner\{account="account-9999"\} 1\n$/);
  });
});

describe('the result of an attempt', () => {
  it('is known for every failure code', () => {
    const results = Object.keys(VERDICTS).map((code) => `${code} ${resultOf(code)}`);
    expect(results).toContain('dns.timeout dns');
    expect(results).toContain('tls.expired tls');
    expect(results).toContain('connect.timeout timeout');
    expect(results).toContain('register.timeout timeout');
    expect(results).toContain('register.interval interval_too_brief');
    expect(results).toContain('register.forbidden rejected');
    expect(results).toContain('auth.no-algorithm auth_rejected');
    expect(results.filter((line) => line.endsWith(' internal'))).toEqual(
      Object.keys(VERDICTS)
        .filter((code) => /^(config|secret|internal)\./.test(code))
        .map((code) => `${code} internal`),
    );
  });

  it('is none for a binding that could not be removed', () => {
    const metrics = createAgentMetrics(0);
    metrics.observe(failureEvent('office', 'register.timeout', 0, { state: 'unregistering' }));
    expect(metrics.account('office').attempts.every((count) => count === 0)).toBe(true);
  });
});
