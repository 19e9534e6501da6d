// What a run at scale showed: a row of docs/scale.md, and its plot as SVG (accounts registered above, REGISTERs a second
// below, both over the hours).

import { peak, REASONS, type Reason, type Tally } from './tally.ts';

export type Run = {
  readonly accounts: number;
  readonly hours: number;
  readonly perSecond: number;
  readonly expires: number;
  /** Whole seconds. */
  readonly outage: { readonly from: number; readonly until: number };
  readonly tally: Tally;
  /** Bytes of the heap for each account, all of them registered. */
  readonly bytesEach: number;
  readonly cpuSeconds: number;
};

const MEANING: Readonly<Record<Reason, string>> = {
  paced: 'begin a registration (paced)',
  refresh: 'begin a refresh (not paced)',
  challenged: 'answer a challenge',
  repeated: 'retransmissions',
};
const COLOURS: Readonly<Record<Reason, string>> = {
  paced: '#0b6bcb',
  refresh: '#2e8540',
  challenged: '#9a5b00',
  repeated: '#b00020',
};

/** The facts of one run, one a line: name and value. */
export function factsOf(run: Run): readonly (readonly [string, string])[] {
  const { tally, outage, accounts } = run;
  const { seconds } = tally;
  const lowest = accounts - peak((second) => accounts - tally.registeredIn(second), outage.from, seconds);
  return [
    ['accounts, pace', `${grouped(accounts)}, ${grouped(run.perSecond)} registrations/s`],
    ['cold start until all are registered', duration(firstFull(run, 0, accounts))],
    ['peak at the start, REGISTERs/s', peaks(tally, 0, outage.from)],
    ['peak during the outage, REGISTERs/s', peaks(tally, outage.from, outage.until)],
    ['peak after the outage, REGISTERs/s', peaks(tally, outage.until, seconds)],
    ['fewest registered accounts', `${grouped(lowest)} (${percent(lowest / accounts)})`],
    ['after the outage until half are registered', sinceBack(run, 0.5)],
    ['after the outage until 99 % are', sinceBack(run, 0.99)],
    ['after the outage until all are', sinceBack(run, 1)],
    ['memory of the machine for each account', `${grouped(run.bytesEach)} bytes`],
    ['CPU time of the run', duration(run.cpuSeconds)],
  ];
}

function sinceBack(run: Run, share: number): string {
  const at = firstFull(run, run.outage.until, run.accounts * share);
  return at === null ? 'not within the run' : duration(at - run.outage.until);
}

/** The first second, not before `from`, with so many registered accounts. */
function firstFull({ tally }: Run, from: number, wanted: number): number | null {
  for (let second = from; second < tally.seconds; second++) {
    if (tally.registeredIn(second) >= wanted) return second;
  }
  return null;
}

function peaks(tally: Tally, from: number, until: number): string {
  const of = (reason: Reason): string =>
    `${grouped(peak((second) => tally.in(reason, second), from, until))} ${MEANING[reason]}`;
  return REASONS.map(of).join(', ');
}

const WIDTH = 960;
const LEFT = 80;
const RIGHT = 20;
const PANEL = 170;

/** Both panels over the hours; a stroke each ten minutes is the most that those saw in a second. */
export function plotOf(run: Run): string {
  const { tally, accounts, hours, perSecond } = run;
  const most = Math.max(...REASONS.map((reason) => peak((s) => tally.in(reason, s), 0, tally.seconds)));
  const registered = panel(40, accounts, hours, 'accounts registered', [
    line(40, accounts, hours, '#0b6bcb', (minute) => tally.registeredIn(minute * 60)),
  ]);
  const rates = panel(270, most, hours, 'REGISTERs in the busiest second of a minute', [
    ...REASONS.map((reason) =>
      line(270, most, hours, COLOURS[reason], (minute) =>
        peak((second) => tally.in(reason, second), minute * 60, minute * 60 + 60),
      ),
    ),
    ...REASONS.map((reason, index) => legend(index, COLOURS[reason], MEANING[reason])),
  ]);
  const title = `${grouped(accounts)} accounts, ${grouped(perSecond)} registrations/s, expires ${run.expires} s, an outage of ${duration(run.outage.until - run.outage.from)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 500" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="500" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="20" font-size="14">${title}</text>`,
    ...registered,
    ...rates,
    '</svg>\n',
  ].join('\n');
}

function panel(top: number, most: number, hours: number, name: string, inside: readonly string[]): string[] {
  const bottom = top + PANEL;
  const ticks = Array.from({ length: Math.floor(hours / 2) + 1 }, (_, index) => index * 2);
  return [
    `<text x="${LEFT}" y="${top - 4}" fill="#444444">${name}</text>`,
    `<text x="${LEFT - 8}" y="${top + 10}" text-anchor="end">${grouped(most)}</text>`,
    `<text x="${LEFT - 8}" y="${bottom}" text-anchor="end">0</text>`,
    ...ticks.map((hour) => {
      const x = xOf(hour * 60, hours);
      return `<path d="M${x} ${top}V${bottom}" stroke="#dddddd"/><text x="${x}" y="${bottom + 16}" text-anchor="middle">${hour} h</text>`;
    }),
    `<path d="M${LEFT} ${top}V${bottom}H${WIDTH - RIGHT}" fill="none" stroke="#444444"/>`,
    ...inside,
  ];
}

function line(
  top: number,
  most: number,
  hours: number,
  colour: string,
  valueIn: (minute: number) => number,
): string {
  const points = Array.from({ length: Math.floor(hours * 60) }, (_, minute) => {
    const y = top + PANEL - (valueIn(minute) / Math.max(1, most)) * PANEL;
    return `${xOf(minute, hours)} ${y.toFixed(1)}`;
  });
  return `<polyline points="${points.join(',')}" fill="none" stroke="${colour}" stroke-width="1.2"/>`;
}

function legend(index: number, colour: string, text: string): string {
  const x = LEFT + index * 210;
  return `<rect x="${x}" y="476" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="486">${text}</text>`;
}

function xOf(minute: number, hours: number): string {
  return (LEFT + (minute / (hours * 60)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
}

function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function duration(seconds: number | null): string {
  if (seconds === null) return 'not within the run';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
