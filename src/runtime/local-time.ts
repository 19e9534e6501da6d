// Moments for people: local time with its offset, so that nobody has to know where the machine stands. Independent of
// the locale; whatever a program reads has UTC instead.

/** 14:05:10+01:00, with the date when it is another day than `now`. */
export function timeText(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  const time = clockText(date);
  return date.toDateString() === now.toDateString() ? time : `${dayText(date)} ${time}`;
}

/** 2026-11-21T14:05:10+01:00, for lines that are read long after. */
export function stampText(iso: string): string {
  const date = new Date(iso);
  return `${dayText(date)}T${clockText(date)}`;
}

function dayText(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function clockText(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${offsetText(date)}`;
}

function offsetText(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  return `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
