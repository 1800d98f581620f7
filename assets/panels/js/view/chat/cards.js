// A chat, one card per lane: what was asked and said, token by token as it comes, and the lane's figures.

import { latestOf } from "../../data/dialogue.js";
import { page } from "../../data/page.js";
import { bytesText, countText, decimalText, fill, laneName, lanePolicy, perplexityText, speedText } from "../../data/words.js";
import { part, setText } from "../dom.js";
import { drawStrip, stripPane } from "../strip.js";

const TURNS_SHOWN = 24; // the latest: nobody reads more, and a long chat stays light
const NEAR_END = 48; // px: who has scrolled further up reads, and is left where they are

function buildChat(lane) {
  const card = part("chat").firstElementChild;
  card.dataset.kind = lane.kind;
  setText(card.querySelector("h2"), laneName(lane));
  setText(card.querySelector(".sl-policy"), lanePolicy(lane));
  card.querySelector(".sl-log").setAttribute("aria-label", `${laneName(lane)}: ${page.words.chat_log}`);
  for (const [stat, tip] of Object.entries(page.words.chat_tips)) card.querySelector(`[data-stat="${stat}"]`).title = tip;
  const log = card.querySelector(".sl-log");
  log.addEventListener("scroll", () => { log.isAway = log.scrollHeight - log.scrollTop - log.clientHeight > NEAR_END; });
  return { card, strip: stripPane(card.querySelector(".sl-cache"), `${laneName(lane)}: ${page.words.strip_probe}`) };
}

export function percentText(share) {
  return share === null ? "–" : `${countText(Math.round(100 * share))} %`;
}

export function msText(ms) {
  if (ms === null) return "–";
  return ms < 1000 ? `${countText(Math.round(ms))} ms` : `${decimalText(ms / 1000, 1)} s`;
}

function markText({ right, in_cache }) {
  const { words } = page;
  if (right !== true && right !== false) return "";
  return `${right ? `✓ ${words.right}` : `✗ ${words.wrong}`} · ${in_cache ? words.chat_in_cache : words.chat_evicted}`;
}

function drawTurn(node, lane, turn) {
  node.dataset.turn = turn.turn;
  node.dataset.broke = turn.turn === lane.broke ? "yes" : "no";
  node.dataset.own = turn.kind === "visitor" ? "yes" : "no";
  const [broke, number, asked, said, mark] = ["p", "small", ".sl-asked bdi", ".sl-answered bdi", "i"].map((name) => node.querySelector(name));
  setText(broke, turn.turn === lane.broke ? page.words.chat_broke_here : "");
  setText(number, fill(turn.kind === "visitor" ? page.words.chat_turn_own : page.words.chat_turn, { turn: countText(turn.turn + 1) }));
  setText(asked, turn.message);
  setText(said, turn.isSaying ? `${turn.answer.trimStart()} ▍` : turn.answer || page.words.no_words);
  setText(mark, markText(turn));
  mark.dataset.right = turn.right ? "yes" : "no";
}

function drawLog(log, lane) {
  const turns = lane.turns.slice(-TURNS_SHOWN);
  if (lane.saying) turns.push({ ...lane.saying, isSaying: true });
  while (log.children.length > turns.length) log.lastElementChild.remove();
  turns.forEach((turn, i) => drawTurn(log.children[i] ?? log.appendChild(part("turn").firstElementChild), lane, turn));
  if (!log.isAway) log.scrollTop = log.scrollHeight;
}

function stateText(lane, { header }) {
  const { words } = page;
  const all = header?.heard ?? 0;
  if (lane.reason === "error") return lane.message;
  if (lane.status === "hearing") return fill(words.chat_hearing, { heard: countText(lane.heard), all: countText(all) });
  if (!lane.done) return all ? fill(words.chat_heard_lane, { all: countText(all) }) : words.chat_begins;
  const ending = words.chat_endings[lane.reason] ?? "";
  const at = lane.broke === null ? fill(words.chat_goes_on, { done: countText(lane.done) }) : fill(words.chat_broke, { turn: countText(lane.broke + 1) });
  return [at, ending].filter(Boolean).join(" ");
}

function pillText(lane) {
  return page.words.chat_pills[lane.reason] ?? page.words.chat_statuses[lane.status] ?? lane.status;
}

function drawFigures(card, lane, header) {
  const put = (name, text) => setText(card.querySelector(`[data-stat="${name}"] dd`), text);
  const now = latestOf(lane);
  put("first", msText(now.first_token_ms));
  put("speed", now.ms_per_token ? speedText(1000 / now.ms_per_token) : "–");
  put("memory", bytesText(lane.kv_bytes));
  put("perplexity", perplexityText(now.perplexity));
  put("repetition", percentText(now.repetition));
  put("recall", now.judged ? fill(page.words.chat_recall_count, { right: countText(now.right), judged: countText(now.judged) }) : "–");
  const budget = header?.settings?.kv_budget_bytes;
  card.style.setProperty("--share", budget ? Math.min(1, lane.kv_bytes / budget) : 0);
}

function drawChat({ card, strip }, lane, history) {
  card.dataset.status = lane.status;
  card.dataset.broke = lane.broke === null ? "no" : "yes";
  setText(card.querySelector(".sl-status"), pillText(lane));
  setText(card.querySelector(".sl-verdict"), stateText(lane, history));
  drawFigures(card, lane, history.header);
  drawLog(card.querySelector(".sl-log"), lane);
  drawStrip(strip, lane, Math.max(1, history.header?.context ?? 1, ...history.lanes.map(({ tokens }) => tokens)));
}

export function drawChats(state) {
  const { history } = state;
  if (state.chatsOf !== history.run || state.chats.length !== history.lanes.length) {
    state.chats = history.lanes.map(buildChat);
    state.chatsOf = history.run;
    const section = state.find(".sl-chats");
    section.dataset.count = state.chats.length;
    section.replaceChildren(...state.chats.map(({ card }) => card));
  }
  history.lanes.forEach((lane, i) => drawChat(state.chats[i], lane, history));
}

// In the strip that stays in sight on a phone.
export function chatPulse(lane) {
  const now = latestOf(lane);
  const figures = [fill(page.words.chat_turns_short, { done: countText(lane.done) }), bytesText(lane.kv_bytes)];
  return { title: `${laneName(lane)}: ${percentText(now.repetition)}`, numbers: figures.join(" · "), broke: lane.broke !== null };
}
