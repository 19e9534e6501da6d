// Spans of time and moments in words: durations short, times local with their offset, independent of the locale.

/** 45 s, 5 min, 1 h 30 min, 2 d 3 h. */
export function durationText(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  if (rounded < 120) return `${rounded} s`;
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ];
  const first = units.findIndex(([, size]) => rounded >= size);
  const [[name, size] = ['s', 1], second] = [units[first], units[first + 1]];
  const whole = `${Math.floor(rounded / size)} ${name}`;
  const rest = second === undefined ? 0 : Math.floor((rounded % size) / second[1]);
  return rest === 0 || second === undefined ? whole : `${whole} ${rest} ${second[0]}`;
}

/** 0.034 s as "34 ms", 2.5 s as "2.5 s". */
export function roundTripText(seconds: number): string {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

/** 14:05:10+01:00, with the date when it is another day. */
export function timeText(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${offsetText(date)}`;
  return date.toDateString() === now.toDateString() ? time : `${day} ${time}`;
}

function offsetText(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  return `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
