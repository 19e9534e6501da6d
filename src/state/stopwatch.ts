// How long something takes, for the state's own waits: it knows no other clock.

/** Milliseconds that this process runs. Not `performance`: the first use of it loads modules that a short command does without. */
export function runningMs(): number {
  return process.uptime() * 1000;
}
