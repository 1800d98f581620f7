// The guided tour: a few steps, each beside the part of the page that it speaks of. Nothing is dimmed and the page
// goes on: a run can be started, watched and steered meanwhile.

import { answerFacts } from "../data/facts.js";
import { page } from "../data/page.js";
import { phase } from "../data/phase.js";
import { bytesText, fill } from "../data/words.js";
import { setText } from "../view/dom.js";
import { act } from "./commands.js";

const TOUR_GAP = 14; // px between what a step points at and its card
const TOUR_POINTS = {
  lanes: ".sl-lane", tint: ".sl-text", cache: ".sl-cache", perplexity: "[data-chart='perplexity']",
  memory: "[data-chart='memory']", presets: ".sl-presets, [data-tool='more']", questions: ".sl-questions",
};

// What a step points at: what is on show of it, in the row of the first.
function tourTargets(state, name) {
  const shown = [...state.root.querySelectorAll(TOUR_POINTS[name])].filter((node) => node.getClientRects().length);
  return shown.filter((node) => node.getBoundingClientRect().top === shown[0].getBoundingClientRect().top);
}

function tourSteps(state) {
  return Object.keys(page.words.tour).filter((name) => tourTargets(state, name).length);
}

function tourCard(state) {
  return state.find(".sl-tour");
}

export function openTour(state) {
  const card = tourCard(state);
  if (card.open) return;
  if (state.playing?.story) state.playing = null;
  state.tour = { step: tourSteps(state)[0], opener: document.activeElement };
  drawTour(state);
  card.show();
  showStep(state);
  tourButton(state, "next").focus({ preventScroll: true });
}

function closeTour(state) {
  const { opener } = state.tour;
  const seen = opener.isConnected && opener !== document.body && opener.getClientRects().length;
  state.tour = null;
  tourCard(state).close();
  state.find(".sl-ring").hidden = true;
  (seen ? opener : state.find("[data-tool='tour']")).focus({ preventScroll: true });
}

function stepTour(state, by) {
  const steps = tourSteps(state);
  const to = steps.indexOf(state.tour.step) + by;
  if (to < 0) return;
  if (to >= steps.length) {
    closeTour(state);
    return;
  }
  state.tour.step = steps[to];
  showStep(state);
}

function tourButton(state, name) {
  return state.find(`[data-tour='${name}']`);
}

// Only what stays as it is while a run goes on: a screen reader reads a step once.
function tourFacts(history) {
  return { ...answerFacts(history), budget: bytesText(history.header?.kv_budget_bytes ?? 0) };
}

export function drawTour(state) {
  if (!state.tour) return;
  const steps = tourSteps(state);
  const focused = tourCard(state).contains(document.activeElement) ? document.activeElement : null;
  if (!steps.includes(state.tour.step)) [state.tour.step] = steps;
  const at = steps.indexOf(state.tour.step);
  const { title, text } = page.words.tour[state.tour.step];
  setText(state.find(".sl-tour-step"), fill(page.words.tour_step, { step: at + 1, steps: steps.length }));
  setText(state.find("#sl-tour-title"), title);
  setText(state.find("#sl-tour-text"), fill(text, tourFacts(state.history)));
  setText(tourButton(state, "next"), at === steps.length - 1 ? page.words.tour_done : page.words.tour_next);
  tourButton(state, "back").disabled = at === 0;
  tourButton(state, "start").hidden = at > 0 || !["idle", "finished"].includes(phase(state));
  if (focused?.disabled || focused?.hidden) tourButton(state, "next").focus({ preventScroll: true });
  placeTour(state);
}

// The card stands below what it speaks of, or above it where both would not fit into the window.
function placeTour(state) {
  const [card, home] = [tourCard(state), state.root.getBoundingClientRect()];
  const boxes = tourTargets(state, state.tour.step).map((node) => node.getBoundingClientRect());
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), boxes[0].top];
  const [right, bottom] = [Math.max(...boxes.map((box) => box.right)), Math.max(...boxes.map((box) => box.bottom))];
  const room = card.offsetHeight + 2 * TOUR_GAP;
  const below = bottom - top + room <= window.innerHeight && bottom + room <= Math.max(home.bottom, window.innerHeight);
  const middle = (left + right - card.offsetWidth) / 2 - home.left;
  putAt(card, {
    left: Math.max(0, Math.min(middle, home.width - card.offsetWidth)),
    top: Math.max(0, (below ? bottom + TOUR_GAP : top - TOUR_GAP - card.offsetHeight) - home.top),
  });
  const ring = state.find(".sl-ring");
  ring.hidden = false;
  putAt(ring, { left: left - home.left, top: top - home.top, width: right - left, height: bottom - top });
  card.dataset.side = below ? "below" : "above";
  card.style.scrollMarginBlock = below
    ? `${bottom - top + 2 * TOUR_GAP}px ${TOUR_GAP}px`
    : `${TOUR_GAP}px ${Math.max(0, Math.min(bottom - top, window.innerHeight - room) + TOUR_GAP)}px`;
}

function putAt(node, box) {
  for (const [side, pixels] of Object.entries(box)) node.style[side] = `${pixels}px`;
}

function showStep(state) {
  drawTour(state);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  tourCard(state).scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
}

export const TOUR_KEYS = {
  arrowright: (state) => stepTour(state, 1), arrowleft: (state) => stepTour(state, -1),
  enter: (state) => stepTour(state, 1), escape: closeTour,
};
const TOUR_BUTTONS = {
  start: (state) => act(state, "main"), back: (state) => stepTour(state, -1),
  next: (state) => stepTour(state, 1), close: closeTour,
};

export function bindTour(state) {
  state.tour = null;
  for (const [name, press] of Object.entries(TOUR_BUTTONS)) {
    tourButton(state, name).addEventListener("click", () => press(state));
  }
  new ResizeObserver(() => state.tour && placeTour(state)).observe(document.body);
  window.addEventListener("resize", () => drawTour(state)); // what is on show may have changed, with no run to draw it
}
