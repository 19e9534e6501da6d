// The result of a check as the monitoring system wants it: Monitoring Plugins ("Plugin Output", "Performance data"),
// Checkmk's local checks, Prometheus' text format 0.0.4 for node_exporter's textfile collector, or JSON.

import { printableJson } from '../../core/health/evidence.ts';
import type { CheckFormat } from './check-options.ts';
import type { Judgement, Metric } from './judgement.ts';
import { PLUGIN_CODE, type PluginState } from './plugin-state.ts';

export type CheckResult = {
  readonly state: PluginState;
  /** When there is no account to tell of, why; else null. */
  readonly problem: string | null;
  readonly judgements: readonly Judgement[];
  /** What is wrong with the agent itself: a WARNING. */
  readonly troubles: readonly string[];
  /** One account was named: its numbers go by their own names. */
  readonly isAboutOne: boolean;
  /** RFC 3339 UTC. */
  readonly at: string;
};

/** So many accounts are told of one by one: Nagios reads 8 KiB and no more. */
const MAX_TOLD = 20;

/** The whole output, with its last line break. */
export function checkText(result: CheckResult, format: CheckFormat): string {
  switch (format) {
    case 'nagios':
      return nagiosText(result);
    case 'checkmk':
      return checkmkText(result);
    case 'prometheus':
      return prometheusText(result);
    case 'json':
      return `${printableJson(JSON.stringify(jsonDocument(result), null, 2))}\n`;
  }
}

function nagiosText({ state, problem, judgements, troubles, isAboutOne }: CheckResult): string {
  if (problem !== null) return `SIPREG ${state}: ${plain(problem)}\n`;
  const agent = plain(troubles.map((text) => `; the agent: ${text}`).join(''));
  const [only] = judgements;
  if (judgements.length === 1 && only !== undefined) {
    const prefix = isAboutOne ? '' : `${only.account}_`;
    const numbers = only.metrics.map((metric) => nagiosMetric(prefix, metric));
    return withNumbers(`SIPREG ${state}: ${only.account} ${plain(only.text)}${agent}`, numbers, []);
  }
  const told = byWeight(judgements).slice(0, MAX_TOLD);
  const registered = judgements.filter((one) => one.registered).length;
  const worst = told[0] === undefined || told[0].state === 'OK' ? '' : `; ${told[0].account} ${told[0].text}`;
  const left = judgements.length - told.length;
  const lines = [
    ...told.map((one) => `${one.state}: ${one.account} ${plain(one.text)}`),
    ...(left === 0 ? [] : [`and ${left} more`]),
  ];
  const numbers = [
    `registered=${registered};;;0;${judgements.length}`,
    ...(left === 0 ? judgements : []).flatMap((one) =>
      one.metrics.map((metric) => nagiosMetric(`${one.account}_`, metric)),
    ),
  ];
  const head = `SIPREG ${state}: ${registered} of ${judgements.length} registered${plain(worst)}${agent}`;
  return withNumbers(head, numbers, lines);
}

function withNumbers(head: string, numbers: readonly string[], lines: readonly string[]): string {
  const first = numbers.length === 0 ? head : `${head} | ${numbers.join(' ')}`;
  return `${[first, ...lines].join('\n')}\n`;
}

/** 'label'=value[UOM];[warn];[crit];[min];[max]: an account's name needs no quotes. */
function nagiosMetric(prefix: string, { name, value, unit, levels, min, max }: Metric): string {
  const fields = [levels.warning, levels.critical, min, max].map((field) => field ?? '');
  return `${prefix}${name}=${value}${unit};${fields.join(';')}`.replace(/;+$/, '');
}

/** The worst first, else in the order given. */
function byWeight(judgements: readonly Judgement[]): readonly Judgement[] {
  const order: readonly PluginState[] = ['CRITICAL', 'WARNING', 'UNKNOWN', 'OK'];
  return judgements.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
}

/** The bar would begin the numbers; a line break more lines. */
function plain(text: string): string {
  return text.replace(/[|]/g, '/').replace(/\s+/g, ' ');
}

/** A service for each account, whose state is what we say whatever levels it has, and one for the agent itself. */
function checkmkText({ state, problem, judgements, troubles }: CheckResult): string {
  if (problem !== null) return `${PLUGIN_CODE[state]} "SIPREG" - ${plain(problem)}\n`;
  const registered = judgements.filter((one) => one.registered).length;
  const told = [`${registered} of ${judgements.length} registered`, ...troubles].map(plain).join('; ');
  const agent = PLUGIN_CODE[troubles.length === 0 ? 'OK' : 'WARNING'];
  const lines = judgements.map((one) => {
    const numbers = one.metrics.map(({ name, value }) => `${name}=${value}`).join('|');
    return `${PLUGIN_CODE[one.state]} "SIPREG ${one.account}" ${numbers || '-'} ${plain(one.text)}\n`;
  });
  return `${agent} "SIPREG" registered=${registered} ${told}\n${lines.join('')}`;
}

type Family = {
  readonly name: string;
  readonly help: string;
  readonly sampleOf: (judgement: Judgement) => number | null;
};

const FAMILIES: readonly Family[] = [
  {
    name: 'sipreg_check_state',
    help: 'State of the account: 0 OK, 1 warning, 2 critical, 3 unknown.',
    sampleOf: ({ state }) => PLUGIN_CODE[state],
  },
  {
    name: 'sipreg_check_registered',
    help: 'Whether the account is registered.',
    sampleOf: ({ registered }) => Number(registered),
  },
  {
    name: 'sipreg_check_round_trip_seconds',
    help: 'Round trip of the last answered request.',
    sampleOf: metricOf('rtt'),
  },
  {
    name: 'sipreg_check_expires_seconds',
    help: 'Seconds that the binding has left.',
    sampleOf: metricOf('expires'),
  },
  {
    name: 'sipreg_check_certificate_seconds',
    help: "Seconds that the registrar's certificate has left.",
    sampleOf: metricOf('cert'),
  },
  {
    name: 'sipreg_check_bindings',
    help: 'Bindings that the registrar has.',
    sampleOf: metricOf('bindings'),
  },
];

function metricOf(name: Metric['name']): Family['sampleOf'] {
  return ({ metrics }) => metrics.find((one) => one.name === name)?.value ?? null;
}

function prometheusText({ state, judgements, troubles, at }: CheckResult): string {
  const whole = [
    ...gauge('sipreg_check_result', 'Worst state: 0 OK, 1 warning, 2 critical, 3 unknown.'),
    `sipreg_check_result ${PLUGIN_CODE[state]}`,
    ...gauge('sipreg_check_timestamp_seconds', 'When it was looked at.'),
    `sipreg_check_timestamp_seconds ${Date.parse(at) / 1000}`,
    ...gauge('sipreg_check_troubles', 'What is wrong with the agent itself: how much.'),
    `sipreg_check_troubles ${troubles.length}`,
  ];
  const families = FAMILIES.flatMap(({ name, help, sampleOf }) => {
    const samples = judgements.flatMap((one) => {
      const value = sampleOf(one);
      return value === null ? [] : [`${name}{account="${one.account}"} ${value}`];
    });
    return samples.length === 0 ? [] : [...gauge(name, help), ...samples];
  });
  return `${[...whole, ...families].join('\n')}\n`;
}

function gauge(name: string, help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`];
}

function jsonDocument({ state, problem, judgements, troubles, at }: CheckResult): unknown {
  return {
    schema: 'sipreg.check/1',
    state,
    code: PLUGIN_CODE[state],
    at,
    problem,
    troubles,
    accounts: judgements.map((one) => ({
      account: one.account,
      state: one.state,
      code: PLUGIN_CODE[one.state],
      text: one.text,
      registered: one.registered,
      metrics: one.metrics,
      failure: one.failure,
    })),
  };
}
