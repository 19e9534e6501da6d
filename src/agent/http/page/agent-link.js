// The line to the agent: requests with the token, and the stream of events, opened again whenever it ends. The stream is
// read with fetch, because EventSource cannot show a token.

/** @import {AgentEvent} from '../../events.ts' */
/** @import {AgentSnapshot} from '../../operations.ts' */

/**
 * @typedef {object} Listener
 * @property {(hello: { time: string, agent: AgentSnapshot }) => void} hello The stream begins.
 * @property {(event: AgentEvent) => void} event
 * @property {() => void} lost Events are missing: what is shown may be old.
 * @property {(isLive: boolean) => void} live
 * @property {() => void} refused The token is missing or wrong.
 */

const TOKEN = 'sipreg.token';
/** The agent sends at least a comment every 15 s. */
const SILENCE_MS = 40_000;
const LONGEST_PAUSE_MS = 15_000;

/** The answer of a server that wants a token. */
export class TokenNeeded extends Error {}

/** Takes the token out of "#token=…", so that it stays neither in the address nor in the history. */
export function takeTokenFromAddress() {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? [];
  if (token === undefined) return;
  sessionStorage.setItem(TOKEN, decodeURIComponent(token));
  history.replaceState(null, '', '#/');
}

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/**
 * The JSON at `path`; null: it is not there.
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function askJson(path) {
  const response = await ask(path, AbortSignal.timeout(60_000));
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return await response.json();
}

/**
 * Follows the agent's events for as long as the page is there.
 * @param {Listener} listener
 */
export function followAgent(listener) {
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  const begin = async () => {
    clearTimeout(again);
    again = undefined;
    try {
      await readEvents(listener, () => {
        failures = 0;
      });
    } catch (error) {
      if (error instanceof TokenNeeded) {
        listener.live(false);
        listener.refused();
        return;
      }
    }
    listener.live(false);
    again = setTimeout(begin, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
    failures += 1;
  };
  document.addEventListener('visibilitychange', () => {
    // Who comes back to the page does not want to wait.
    if (document.visibilityState === 'visible' && again !== undefined) void begin();
  });
  void begin();
  return { retry: () => void begin() };
}

/**
 * @param {Listener} listener
 * @param {() => void} began
 */
async function readEvents(listener, began) {
  const silence = new AbortController();
  let watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await ask('/api/v1/events', silence.signal);
    if (!response.ok || response.body === null) throw new Error(`/api/v1/events: ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silence.abort(), SILENCE_MS);
      const frames = (rest + value).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) hear(frame, listener, began);
    }
  } finally {
    clearTimeout(watchdog);
  }
}

/**
 * One frame of server-sent events.
 * @param {string} frame
 * @param {Listener} listener
 * @param {() => void} began
 */
function hear(frame, listener, began) {
  let name = '';
  let data = '';
  for (const line of frame.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    if (line.startsWith('data: ')) data += line.slice(6);
  }
  if (data === '') return;
  if (name === 'lost') listener.lost();
  else if (name === 'hello') {
    began();
    listener.live(true);
    listener.hello(JSON.parse(data));
  } else listener.event(JSON.parse(data));
}

/**
 * @param {string} path
 * @param {AbortSignal} signal
 */
async function ask(path, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(path, { headers, signal, cache: 'no-store' });
  if (response.status === 401) throw new TokenNeeded();
  return response;
}
