// The curves. Each chart is built once and then updated with Plotly.react; datarevision tells Plotly that the data
// are new. All charts share the visitor's zoom, which is kept here: the axes grow, so Plotly could not keep it.

import { COLUMNS, mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { thin, within } from "../data/thin.js";
import { bytesText, countText, decimalText, fill, laneName, perplexityText } from "../data/words.js";
import { setText } from "./dom.js";
import { addEvents, endLabels, endsOf, shownLanes } from "./marks.js";

export function drawCaptions(state) {
  const { header } = state.history;
  for (const figure of state.root.querySelectorAll("[data-chart]")) {
    const words = page.words.captions[figure.dataset.chart];
    setText(figure.querySelector("figcaption p"), fill(words, { window: countText(header?.window ?? 0) }));
  }
}

const MOST_POINTS = 1000;
const ROUND_EVERY = 350; // ms
const DASHES = { dense: "9px,4px", sinks: "solid", window: "2px,4px", recompute: "9px,4px,2px,4px" };
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

// The next round number, so that an axis grows in a few steps and not with every frame.
function roundUp(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * STEPS.find((step) => step * unit >= value * 0.999999);
}

// The curve has a point every `stride` tokens; its end is where the lane is now.
function liveHead(lane) {
  return [lane.tokens, lane.perplexity, lane.kv_bytes, lane.ms_per_token];
}

function curveTrace(state, lane, column) {
  const points = thin(within([...lane.curve, liveHead(lane)], state.zoom), column, MOST_POINTS);
  const scale = column === COLUMNS.memory ? 1e-6 : 1;
  return {
    name: laneName(lane),
    x: points.map((point) => point[0]),
    y: points.map((point) => point[column] * scale),
    mode: "lines",
    line: { color: state.look[lane.kind], width: 2.5, dash: DASHES[lane.kind] ?? "solid" },
    hovertemplate: "%{y:,.4~g}",
  };
}

function processTrace(state, history = state.history) {
  const points = thin(within(history.rss, state.zoom), 1, MOST_POINTS);
  return {
    name: page.words.process_memory,
    x: points.map((point) => point[0]),
    y: points.map((point) => point[1] / 1e6),
    yaxis: "y2",
    mode: "lines",
    line: { color: state.look.muted, width: 1.5, dash: "1px,3px" },
    hovertemplate: "%{y:,.0f} MB",
  };
}

function baseLayout(state, most) {
  const { look, history } = state;
  const { size } = look;
  const axis = {
    gridcolor: look.line, linecolor: look.line, zeroline: false, fixedrange: true,
    tickangle: 0, ticklabeloverflow: "allow", // otherwise Plotly measures every label, every time
  };
  return {
    autosize: true, uirevision: history.run, datarevision: `${history.run}/${history.seq}`,
    margin: { l: size.l, r: size.r, b: size.b, t: 14 }, showlegend: false, hovermode: "x unified",
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    separators: page.words.separators,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: look.fontFamily, color: look.muted, size: size.type },
    hoverlabel: { bgcolor: look.card, bordercolor: look.line, font: { color: look.ink } },
    xaxis: {
      ...axis, fixedrange: false, title: { text: page.words.axis_tokens, standoff: 8 }, tickformat: ",~s",
      range: state.zoom ?? [0, most], uirevision: history.seq,
    },
    yaxis: { ...axis },
  };
}

// A chart is drawn as high as the whole run is (`heights`), so that its axes stay put while the visitor looks back.
function perplexityChart(state, traces, layout, heights) {
  const top = Math.ceil(Math.log10(Math.max(10, ...heights)));
  const dtick = Math.ceil(top / 6);
  Object.assign(layout.yaxis, { type: "log", range: [0, top], dtick, tickformat: ",~s", exponentformat: "power" });
  return endsOf(traces, (value) => Math.log10(value) / top, perplexityText);
}

// The process stands on a scale of its own, in the middle of the chart: it is many times the caches.
function memoryChart(state, traces, layout, heights) {
  const budget = (state.history.header?.kv_budget_bytes ?? 0) / 1e6;
  const megabytes = (value) => bytesText(value * 1e6);
  const most = roundUp(1.08 * Math.max(0.1, budget, ...heights));
  const ends = endsOf(traces, (value) => value / most, megabytes);
  const rss = processTrace(state);
  const mostRss = 2 * Math.max(1, ...processTrace(state, state.latest).y);
  Object.assign(layout.yaxis, { range: [0, most], tickformat: ",~f", ticksuffix: " MB" });
  layout.yaxis2 = { overlaying: "y", side: "right", range: [0, mostRss], visible: false, fixedrange: true };
  layout.shapes.push(budgetLine(budget, state.look));
  layout.annotations.push(budgetLabel(budget, megabytes(budget), state.look));
  traces.push(rss);
  return [...ends, ...endsOf([rss], (value) => value / mostRss, megabytes)];
}

function budgetLine(budget, look) {
  const line = { color: look.ink, width: 1.5, dash: "6px,3px" };
  return { type: "line", xref: "paper", x0: 0, x1: 1, y0: budget, y1: budget, line };
}

function budgetLabel(budget, text, look) {
  return {
    xref: "paper", x: 1, xanchor: "right", y: budget, yanchor: "bottom", showarrow: false,
    text: fill(page.words.budget_line, { budget: text }), font: { color: look.ink },
  };
}

function timeChart(state, traces, layout, heights) {
  const most = roundUp(1.15 * Math.max(0.01, ...heights));
  Object.assign(layout.yaxis, { range: [0, most], tickformat: ",.3~g", ticksuffix: " ms" });
  return endsOf(traces, (value) => value / most, (value) => `${decimalText(value, 2)} ms`);
}

const CONFIG = {
  displaylogo: false, showSendToCloud: false, responsive: true,
  doubleClick: "autosize",
  modeBarButtonsToRemove: ["select2d", "lasso2d", "resetScale2d", "zoom2d", "pan2d"],
};
const CHARTS = { perplexity: perplexityChart, memory: memoryChart, time: timeChart };

export function drawChart(state, name, plot) {
  const { size } = state.look;
  const most = roundUp(Math.max(mostTokens(state.latest), 1.5 * (state.latest.header?.context ?? 1)));
  const tracesOf = (history) => shownLanes(state, history).map((lane) => curveTrace(state, lane, COLUMNS[name]));
  const traces = tracesOf(state.history);
  const heights = tracesOf(state.latest).flatMap((trace) => trace.y);
  const layout = baseLayout(state, most);
  addEvents(state, layout, plot.wide - size.l - size.r);
  const ends = CHARTS[name](state, traces, layout, heights);
  layout.annotations.push(...endLabels(ends, plot.high - layout.margin.t - size.b, size));
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
  if (!window.Plotly) return;
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

function drawNext(state, [figure, ...others]) {
  if (figure) {
    drawChart(state, figure.dataset.chart, figure.querySelector(".sl-plot"));
    requestAnimationFrame(() => setTimeout(() => drawNext(state, others)));
    return;
  }
  state.rested = performance.now();
  state.inRound = false;
  if (state.stale) startRound(state);
}

// Plotly is large: it is fetched once the text has been painted.
export function fetchPlotly(ready) {
  if (!page.plotly) return addEventListener("load", ready);
  const script = document.createElement("script");
  script.src = page.plotly;
  script.addEventListener("load", ready);
  document.head.append(script);
}
