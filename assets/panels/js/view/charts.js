// The charts: sketched at once, and drawn by Plotly, which is large, once somebody touches one or starts a run.

import { isDialogue } from "../data/dialogue.js";
import { mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { countText, fill } from "../data/words.js";
import { setText } from "./dom.js";
import { chatFigureOf } from "./chat/figures.js";
import { figureOf } from "./figures.js";
import { drawFlash } from "./flash.js";
import { sketch } from "./sketch.js";

const ROUND_EVERY = 350; // ms
const CONFIG = { displayModeBar: false, showSendToCloud: false, responsive: true, doubleClick: "autosize" };

export function drawChart(state, name, plot) {
  const { traces, layout, told } = (isDialogue(state.history) ? chatFigureOf : figureOf)(state, name, plot);
  plot.setAttribute("aria-label", fill(page.words.chart_told, { chart: page.words[name], tokens: countText(mostTokens(state.history)), told }));
  if (window.Plotly) react(state, plot, traces, layout);
  else sketch(plot, traces, layout);
  drawFlash(state, plot, traces, layout);
}

function react(state, plot, traces, layout) {
  if (!plot.built) plot.replaceChildren();
  window.Plotly.react(plot, traces, layout, CONFIG);
  if (!plot.built) watchZoom(state, plot);
}

function watchZoom(state, plot) {
  plot.built = true;
  plot.on("plotly_relayout", (change) => {
    if ("xaxis.range[0]" in change) state.zoom = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    else if ("xaxis.autorange" in change) state.zoom = null;
    else return;
    state.draw();
  });
}

// Charts are drawn in rounds, one chart per animation frame, in a task of its own, and a pause between two rounds, so
// that no update holds the page for long. Charts out of sight wait until they are seen.
export function drawCharts(state) {
  state.find("[data-tool='unzoom']").hidden = state.zoom === null;
  state.stale = true;
  if (!state.inRound) startRound(state);
}

function startRound(state) {
  state.inRound = true;
  setTimeout(() => {
    state.stale = false;
    const figures = [...state.root.querySelectorAll("[data-chart]")];
    drawNext(state, figures.filter((figure) => isDrawn(figure.querySelector(".sl-plot"))));
  }, state.rested + ROUND_EVERY - performance.now());
}

function isDrawn(plot) {
  return plot.wide > 0 && (plot.seen || !plot.built);
}

// Between two tasks another run may be on show, of the other mode, or none.
function isOnShow(state, figure) {
  return state.history && isDialogue(state.history) === (figure.closest(".sl-chat-charts") !== null);
}

function drawNext(state, [figure, ...others]) {
  if (figure) {
    if (isOnShow(state, figure)) drawChart(state, figure.dataset.chart, figure.querySelector(".sl-plot"));
    requestAnimationFrame(() => setTimeout(() => drawNext(state, others)));
    return;
  }
  state.rested = performance.now();
  state.inRound = false;
  if (state.stale) startRound(state);
}

export function drawCaptions(state) {
  const { header } = state.history;
  for (const figure of state.root.querySelectorAll("[data-chart]")) {
    const words = page.words.captions[figure.dataset.chart];
    setText(figure.querySelector("figcaption p"), fill(words, { window: countText(header?.window ?? 0) }));
  }
}

// Plotly is fetched when it is first wanted, once; in a page that stands alone it is there. Fulfilled when it is.
export function wantPlotly(state) {
  state.plotly ??= new Promise((ready) => {
    if (!page.plotly) {
      if (window.Plotly) ready();
      else addEventListener("load", ready);
      return;
    }
    const script = document.createElement("script");
    script.src = page.plotly;
    script.addEventListener("load", ready);
    document.head.append(script);
  }).then(() => state.draw());
  return state.plotly;
}

const TOUCHES = ["pointerenter", "pointerdown", "focusin"];

export function bindCharts(state) {
  for (const charts of state.root.querySelectorAll(".sl-charts, .sl-chat-charts")) {
    for (const touch of TOUCHES) charts.addEventListener(touch, () => wantPlotly(state), { once: true });
  }
  if (!page.plotly) wantPlotly(state);
}
