// One card per lane: its verdict in plain words, its numbers, the text that it reads.

import { page } from "../data/page.js";
import { statusText, verdict } from "../data/verdict.js";
import { bytesText, countText, laneName, lanePolicy, perplexityText, speedText } from "../data/words.js";
import { buildDetail, drawDetail } from "./details.js";
import { part, setText } from "./dom.js";
import { drawText, followText, textPane } from "./text.js";

function buildLane(lane) {
  const card = part("lane").firstElementChild;
  card.dataset.kind = lane.kind;
  setText(card.querySelector("h2"), laneName(lane));
  setText(card.querySelector(".sl-policy"), lanePolicy(lane));
  card.querySelector(".sl-text").setAttribute("aria-label", `${laneName(lane)}: ${page.words.text}`);
  return { card, text: textPane(card.querySelector(".sl-text")), detail: buildDetail(lane) };
}

function drawStats(card, lane, header) {
  const put = (name, text) => setText(card.querySelector(`[data-stat="${name}"] dd`), text);
  put("tokens", countText(lane.tokens));
  put("perplexity", perplexityText(lane.perplexity));
  put("memory", bytesText(lane.kv_bytes));
  put("speed", speedText(lane.tokens_per_second));
  const share = header ? Math.min(1, lane.kv_bytes / header.kv_budget_bytes) : 0;
  card.style.setProperty("--share", share);
}

function drawLane(view, lane, history) {
  const { card } = view;
  const { text, broke } = verdict(lane, history);
  card.dataset.status = lane.status;
  card.dataset.broke = broke ? "yes" : "no";
  setText(card.querySelector(".sl-status"), statusText(lane, history));
  setText(card.querySelector(".sl-verdict"), text);
  drawStats(card, lane, history.header);
  drawText(view.text, lane);
  drawDetail(view.detail, lane, history);
}

export function drawLanes(state) {
  const { history } = state;
  if (state.lanesOf !== history.run || state.lanes.length !== history.lanes.length) {
    state.lanes = history.lanes.map(buildLane);
    state.lanesOf = history.run;
    for (const [selector, cards] of [[".sl-lanes", state.lanes], [".sl-details", state.lanes.map((view) => view.detail)]]) {
      const section = state.find(selector);
      section.dataset.count = cards.length;
      section.replaceChildren(...cards.map((view) => view.card));
    }
  }
  history.lanes.forEach((lane, i) => drawLane(state.lanes[i], lane, history));
  for (const { text } of state.lanes) followText(text);
}
