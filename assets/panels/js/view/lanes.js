// One card per lane.

import { mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { verdict } from "../data/verdict.js";
import { bytesText, countText, laneName, lanePolicy, perplexityText, speedText } from "../data/words.js";
import { answerPane, drawAnswers } from "./answers.js";
import { part, setText } from "./dom.js";
import { drawShare } from "./share.js";
import { drawStrip, stripPane } from "./strip.js";
import { drawText, followText, textPane } from "./text.js";

function buildLane(lane) {
  const card = part("lane").firstElementChild;
  card.dataset.kind = lane.kind;
  setText(card.querySelector("h2"), laneName(lane));
  setText(card.querySelector(".sl-policy"), lanePolicy(lane));
  for (const [selector, word] of [[".sl-text", "text"], [".sl-answers .sl-answer", "answers"], [".sl-said .sl-answer", "said"]]) {
    card.querySelector(selector).setAttribute("aria-label", `${laneName(lane)}: ${page.words[word]}`);
  }
  return {
    card,
    text: textPane(card.querySelector(".sl-text")),
    answers: answerPane(card.querySelector(".sl-answers")),
    strip: stripPane(card.querySelector(".sl-cache"), `${laneName(lane)}: ${page.words.strip_probe}`),
  };
}

function statusText(lane) {
  return page.words.statuses[lane.status] ?? lane.status;
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
  card.dataset.status = lane.status;
  setText(card.querySelector(".sl-status"), statusText(lane));
  setText(card.querySelector(".sl-verdict"), verdict(lane));
  drawStats(card, lane, history.header);
  drawStrip(view.strip, lane, Math.max(mostTokens(history), history.header?.context ?? 1));
  drawShare(card, lane, history.recorded);
  drawText(view.text, lane);
  view.answers.asks = !history.header || history.header.source.includes("prompts");
  drawAnswers(view.answers, lane);
}

export function drawLanes(state) {
  const { history } = state;
  if (state.lanesOf !== history.run || state.lanes.length !== history.lanes.length) {
    state.lanes = history.lanes.map(buildLane);
    state.lanesOf = history.run;
    const section = state.find(".sl-lanes");
    section.dataset.count = state.lanes.length;
    section.replaceChildren(...state.lanes.map((view) => view.card));
  }
  history.lanes.forEach((lane, i) => drawLane(state.lanes[i], lane, history));
  for (const { text } of state.lanes) followText(text);
}
