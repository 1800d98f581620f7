// The text being read, one span per token, tinted by how much the token surprised the lane.

import { page } from "../data/page.js";
import { countText, decimalText, fill } from "../data/words.js";

const SPANS_KEPT = 400;
const SPANS_MOST = 600;
const LEVELS = [2, 4, 6, 8, 11]; // nats: from here on the next deeper tint

function surpriseLevel(nats) {
  return nats === null ? 0 : LEVELS.filter((least) => nats >= least).length;
}

const TOUCHES = ["wheel", "touchmove", "pointerdown", "keydown"];
const TOUCH_LASTS = 1000; // ms for which a scroll counts as the visitor's own

// The pane follows the text until the visitor scrolls away from its end, and again once back there.
export function textPane(pane) {
  const state = { pane, from: 0, count: 0, follow: true, touched: -TOUCH_LASTS };
  for (const touch of TOUCHES) {
    pane.addEventListener(touch, () => (state.touched = performance.now()), { passive: true });
  }
  pane.addEventListener("scroll", () => {
    if (performance.now() - state.touched > TOUCH_LASTS) return;
    state.follow = pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 24;
  });
  pane.addEventListener("pointerover", (event) => explainToken(state, event.target));
  return state;
}

// What is told of a token on the page; some models have tokens that stand for no text.
export function tokenText({ dataset, textContent }) {
  const nats = Number(dataset.nats);
  const own = /^<\|.+\|>$/.test(textContent) ? page.words.token_own : "";
  const surprise = dataset.nats && fill(page.words.token_hover, {
    index: countText(Number(dataset.index)), nats: decimalText(nats, 2),
    percent: decimalText(100 * Math.exp(-nats), nats > 4 ? 2 : 1),
  });
  return [own, surprise].filter(Boolean).join("; ");
}

function explainToken(state, span) {
  if (span.parentNode === state.pane) span.title ||= tokenText(span);
}

// Control characters are shown by their pictures, and those that turn the direction of a text by their numbers:
// they are part of what is read, and must not turn what stands after them.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function shownText(text) {
  return text.replace(UNSEEN, (sign) => {
    const code = sign.charCodeAt(0);
    if (code < 32) return String.fromCharCode(0x2400 + code);
    return `‹${code.toString(16).toUpperCase().padStart(4, "0")}›`;
  });
}

function tokenSpan(piece, index) {
  const [text, nats] = piece;
  const span = document.createElement("span");
  span.textContent = shownText(text);
  span.dataset.index = index;
  if (nats !== null) span.dataset.nats = nats;
  const level = surpriseLevel(nats);
  if (level) span.dataset.level = level;
  return span;
}

export function drawText(state, lane) {
  const end = state.from + state.count;
  if (lane.textFrom > end || lane.textFrom + lane.text.length < end) emptyText(state, lane);
  const fresh = document.createDocumentFragment();
  for (let i = state.from + state.count; i < lane.textFrom + lane.text.length; i += 1) {
    fresh.append(tokenSpan(lane.text[i - lane.textFrom], i));
    state.count += 1;
  }
  state.pane.append(fresh);
  if (state.follow) forgetLines(state);
}

// Measuring a pane lays the page out: that comes last, once all panes are written.
export function followText(state) {
  if (state.follow) state.pane.scrollTop = state.pane.scrollHeight;
}

function emptyText(state, lane) {
  state.pane.replaceChildren();
  state.follow = true;
  state.from = Math.max(lane.textFrom, lane.textFrom + lane.text.length - SPANS_KEPT);
  state.count = 0;
}

// Old tokens go by whole lines, so that the lines that stay are not wrapped anew.
function forgetLines(state) {
  if (state.count <= SPANS_MOST) return;
  const spans = [...state.pane.children];
  let gone = spans.length - SPANS_KEPT;
  while (gone > 0 && !spans[gone - 1].textContent.includes("\n")) gone -= 1;
  if (gone === 0) gone = spans.length - SPANS_KEPT;
  for (const span of spans.slice(0, gone)) span.remove();
  state.from += gone;
  state.count -= gone;
}
