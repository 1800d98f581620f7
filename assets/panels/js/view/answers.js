// The lane's own replies beside the reference replies; the newest unless the visitor pages back.

import { answerText, answersOf, isKnown, isRight } from "../data/answers.js";
import { page } from "../data/page.js";
import { countText, fill, laneName } from "../data/words.js";
import { setText } from "./dom.js";

export function answerPane(root) {
  const state = { root, shown: null, lane: null, asks: true };
  root.addEventListener("click", (event) => {
    const step = Number(event.target.dataset.page);
    if (step) turnPage(state, step);
  });
  return state;
}

export function turnPage(state, step) {
  const last = answersOf(state.lane).length - 1;
  if (last < 0) return;
  const to = Math.min(last, Math.max(0, (state.shown ?? last) + step));
  state.shown = to === last ? null : to;
  drawAnswers(state, state.lane);
}

export function drawMark(mark, item) {
  const [known, right] = [isKnown(item), isRight(item)];
  mark.dataset.right = known ? (right ? "yes" : "no") : "";
  setText(mark, known ? page.words[right ? "right" : "wrong"] : "");
}

export function drawAnswers(state, lane) {
  state.lane = lane;
  const items = answersOf(lane);
  const at = Math.min(state.shown ?? items.length - 1, items.length - 1);
  const item = items[at];
  const find = (selector) => state.root.querySelector(selector);
  const unasked = page.words[state.asks ? "no_answers" : "no_prompts"];
  setText(find(".sl-asked"), item ? fill(page.words.asked_at, { at: countText(item.at) }) : unasked);
  setText(find(".sl-prompt"), item ? item.prompt : "");
  find(".sl-prompt").title = item ? item.prompt : "";
  setText(find(".sl-own b"), laneName(lane));
  setText(find(".sl-own span span"), item ? answerText(item) : "");
  drawMark(find(".sl-own i"), item);
  setText(find(".sl-reference span"), item ? item.reference : "");
  find(".sl-answer").dataset.empty = item ? "" : "yes";
  find("[data-page='-1']").disabled = at <= 0;
  find("[data-page='1']").disabled = at >= items.length - 1;
}
