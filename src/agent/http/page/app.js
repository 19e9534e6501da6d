// The status page: it follows the agent, shows all accounts or the one that the address names, and says so when what it
// shows is old. It changes nothing.

import { createAccounts } from './accounts.js';
import {
  askJson,
  followAgent,
  hasToken,
  keepToken,
  TokenNeeded,
  takeTokenFromAddress,
} from './agent-link.js';
import { createDetail } from './detail.js';
import { byId, html, setText } from './elements.js';
import { createOverview } from './overview.js';
import { CONDITION_WORDS, clockText, conditionOf, countText, STATE_WORDS, spanText } from './words.js';

/** @import {AgentEvent} from '../../events.ts' */
/** @import {AgentSnapshot} from '../../operations.ts' */
/** @import {Condition} from './words.js' */

const DRAW_EVERY_MS = 200;
const NEWS_EVERY_MS = 4_000;
const DETAIL_EVERY_MS = 15_000;
const DETAIL_AFTER_EVENT_MS = 400;
const AGENT_AFTER_EVENT_MS = 1_000;

takeTokenFromAddress();
const accounts = createAccounts();
const overview = createOverview(byId('overview'), accounts);
const detail = createDetail(byId('detail'));

/** @type {AgentSnapshot | null} */
let agent = null;
/** How far the agent's clock is ahead of ours. */
let clockOffset = 0;
let isLoaded = false;
/** Since when nothing is heard of the agent; null: it is heard. @type {number | null} */
let silentSince = null;
/** Events that came while the accounts were loaded. @type {AgentEvent[] | null} */
let waiting = null;

const link = followAgent({
  hello(hello) {
    agent = hello.agent;
    clockOffset = Date.parse(hello.time) - Date.now();
    byId('sign-in').hidden = true;
    void load();
  },
  event: hear,
  lost: () => void load(),
  live(isLive) {
    silentSince = isLive ? null : (silentSince ?? Date.now());
    if (isLive) void loadDetail();
    drawHead();
  },
  refused: askForToken,
});

byId('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = /** @type {HTMLInputElement} */ (byId('token'));
  keepToken(field.value);
  field.value = '';
  link.retry();
});
addEventListener('hashchange', () => {
  const hadToken = hasToken();
  takeTokenFromAddress();
  if (!hadToken && hasToken()) link.retry();
  route(true);
});
addEventListener('keydown', ({ key, target }) => {
  if (key === 'Escape' && nameInAddress() !== null && !(target instanceof HTMLInputElement))
    location.hash = '#/';
});
setInterval(() => {
  drawHead();
  if (nameInAddress() === null) overview.tick();
  else detail.tick(now());
}, 1_000);
setInterval(() => void loadDetail(), DETAIL_EVERY_MS);
// Drawings are as wide as there is room.
addEventListener('resize', loadDetailSoon);

function now() {
  return Date.now() + clockOffset;
}

/** All accounts anew; what happens meanwhile is applied after. */
async function load() {
  if (waiting !== null) return;
  waiting = [];
  try {
    const document = await askJson('/api/v1/accounts');
    agent = document.agent;
    accounts.replace(document.accounts);
    isLoaded = true;
  } catch (error) {
    if (error instanceof TokenNeeded) askForToken();
    else setTimeout(() => void load(), 3_000);
  }
  const events = waiting;
  waiting = null;
  for (const event of events) hear(event);
  route(false);
}

/** @param {AgentEvent} event */
function hear(event) {
  if (waiting !== null) {
    waiting.push(event);
    return;
  }
  const isAnew = event.type === 'reload' || (event.type === 'agent' && event.code === 'agent.running');
  if (isAnew) void load();
  else if (event.type === 'agent' || (event.type === 'warning' && event.account === null)) loadAgentSoon();
  if (event.type === 'state') noteNews(event);
  if (accounts.apply(event)) drawSoon();
  if ('account' in event && event.account === nameInAddress()) loadDetailSoon();
}

let isDrawDue = false;
function drawSoon() {
  if (isDrawDue) return;
  isDrawDue = true;
  setTimeout(() => {
    isDrawDue = false;
    draw();
  }, DRAW_EVERY_MS);
}

function draw() {
  drawHead();
  if (isLoaded && nameInAddress() === null) overview.refresh(clockOffset);
}

function drawHead() {
  drawLink();
  // A link cannot show the token.
  byId('for-programs').hidden = hasToken() || isAskingForToken();
  const counts = accounts.count();
  byId('headline').hidden = !isLoaded;
  if (!isLoaded || agent === null) return;
  const { up, down, trying, resting, disabled, doubtful, enabled } = counts;
  const paused = resting - disabled;
  const problems = problemsOf(agent);
  setText(byId('summary'), `${countText(up)} of ${countText(enabled)} registered`);
  const notes = [
    down > 0 ? `${countText(down)} down` : '',
    trying > 0 ? `${countText(trying)} starting` : '',
    doubtful > 0 ? `${countText(doubtful)} with a warning` : '',
    paused > 0 ? `${countText(paused)} paused` : '',
    disabled > 0 ? `${countText(disabled)} disabled` : '',
  ].filter(Boolean);
  const isWell = notes.length === 0 && problems.length === 0;
  setText(byId('summary-note'), isWell ? 'All is well.' : notes.join(' · '));
  byId('headline').dataset.level =
    down > 0 ? 'down' : doubtful > 0 ? 'warning' : trying > 0 ? 'trying' : 'up';
  const title = down > 0 ? `${countText(down)} down` : `${countText(up)} of ${countText(enabled)}`;
  document.title = `${nameInAddress() ?? title} · sipreg`;
  drawShare({ up, trying, down, resting });
  const uptime = spanText(now() - Date.parse(agent.startedAt));
  const state = agent.state === 'running' ? '' : ` · ${agent.state}`;
  setText(byId('about'), `version ${agent.version} · up ${uptime}${state}`);
  byId('problems').hidden = problems.length === 0;
  setText(byId('problems'), problems.join(' · '));
}

/**
 * What is wrong with the agent itself.
 * @param {AgentSnapshot} agent
 */
function problemsOf({ problems, lastReload }) {
  if (lastReload === null || lastReload.ok) return problems;
  return [
    ...problems,
    `the reload at ${clockText(lastReload.at, now())} changed nothing: ${lastReload.text}`,
  ];
}

/** @param {Readonly<Record<Condition, number>>} counts */
function drawShare(counts) {
  const place = byId('share');
  if (place.childElementCount === 0) {
    for (const condition of Object.keys(counts)) place.append(html('span', { class: condition }));
  }
  for (const [at, count] of Object.values(counts).entries()) {
    const part = place.children[at];
    if (!(part instanceof HTMLElement)) continue;
    part.style.flexGrow = String(count);
    part.hidden = count === 0;
  }
}

function isAskingForToken() {
  return !byId('sign-in').hidden;
}

function drawLink() {
  const isGone = silentSince !== null && !isAskingForToken();
  const state = isGone ? 'gone' : isLoaded ? 'live' : 'connecting';
  byId('link-state').dataset.state = state;
  document.body.classList.toggle('is-stale', state === 'gone' && isLoaded);
  const words = {
    live: 'live',
    connecting: isAskingForToken() ? 'the agent wants a token' : 'connecting',
    gone: isLoaded ? `no agent since ${clockText(silentSince ?? 0, Date.now())}` : 'no agent answers',
  };
  setText(byId('link-text'), words[state]);
}

/** Changes of an account in words, for those who hear the page; many at a time are one sentence. */
/** @type {string[]} */
let news = [];
/** @param {Extract<AgentEvent, { type: 'state' }>} event */
function noteNews({ account, state, snapshot }) {
  const before = accounts.get(account);
  const condition = conditionOf(snapshot);
  if (before === undefined || conditionOf(before) === condition) return;
  news.push(`${account}: ${condition === 'up' ? CONDITION_WORDS.up : STATE_WORDS[state]}`);
  if (news.length === 1) setTimeout(tellNews, NEWS_EVERY_MS);
}

function tellNews() {
  const { up, enabled } = accounts.count();
  const text = news.length <= 3 ? news.join('. ') : `${news.length} changes`;
  setText(byId('news'), `${text}. ${up} of ${enabled} registered.`);
  news = [];
}

/** The account that the address names; null: the page shows all. */
function nameInAddress() {
  const [, name] = /^#\/account\/(.+)$/.exec(location.hash) ?? [];
  try {
    return name === undefined ? null : decodeURIComponent(name);
  } catch {
    return name ?? null;
  }
}

/** Where the page was scrolled to before an account was looked at. */
let scrolled = 0;
/** @type {string | null} */
let shownName = null;

/** Shows what the address asks for. @param {boolean} isMove */
function route(isMove) {
  const name = nameInAddress();
  byId('loading').hidden = isLoaded || isAskingForToken();
  byId('overview').hidden = !isLoaded || name !== null;
  byId('detail').hidden = !isLoaded || name === null;
  draw();
  if (!isLoaded) return;
  if (name !== null && name !== shownName) {
    if (shownName === null) scrolled = scrollY;
    detail.begin(name);
    scrollTo(0, 0);
    if (isMove) detail.focus();
    void loadDetail();
  } else if (name === null && shownName !== null) {
    scrollTo(0, scrolled);
    const link = document.querySelector(`tr[data-account="${CSS.escape(shownName)}"] a`);
    if (isMove && link instanceof HTMLElement) link.focus({ preventScroll: true });
  }
  shownName = name;
}

let isAgentDue = false;
/** What the agent says of itself, a crowd of events at a time. */
function loadAgentSoon() {
  if (isAgentDue) return;
  isAgentDue = true;
  setTimeout(async () => {
    isAgentDue = false;
    try {
      agent = await askJson('/api/v1/agent');
      drawHead();
    } catch (error) {
      // The stream tells when the agent is gone, and greets when it is back.
      if (error instanceof TokenNeeded) askForToken();
    }
  }, AGENT_AFTER_EVENT_MS);
}

let isDetailDue = false;
function loadDetailSoon() {
  if (isDetailDue) return;
  isDetailDue = true;
  setTimeout(() => {
    isDetailDue = false;
    void loadDetail();
  }, DETAIL_AFTER_EVENT_MS);
}

async function loadDetail() {
  const name = nameInAddress();
  if (name === null || !isLoaded || silentSince !== null || document.visibilityState === 'hidden') return;
  try {
    const account = await askJson(`/api/v1/accounts/${encodeURIComponent(name)}`);
    if (nameInAddress() !== name) return;
    if (account === null) detail.missing(name);
    else detail.show(account, now());
    detail.tick(now());
  } catch (error) {
    // The stream tells when the agent is gone; the next look comes by itself.
    if (error instanceof TokenNeeded) askForToken();
  }
}

function askForToken() {
  isLoaded = false;
  setText(byId('sign-in-problem'), hasToken() ? 'The agent does not know this token.' : '');
  byId('sign-in').hidden = false;
  route(false);
  byId('token').focus();
}
