// Figures of the curves, as Plotly takes them: traces and layout. `datarevision` tells it that the data are new. All charts
// share the visitor's zoom, which is kept in the state: the axes grow, so Plotly could not keep it.

import { COLUMNS, mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { thin, within } from "../data/thin.js";
import { bytesText, decimalText, fill, laneName, perplexityText } from "../data/words.js";
import { addEvents, endLabels, endsOf, shownLanes } from "./marks.js";

const MOST_POINTS = 1000;
export const DASHES = { dense: "9px,4px", sinks: "solid", window: "2px,4px", recompute: "9px,4px,2px,4px" };
const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

// The next round number, so that an axis grows in a few steps and not with every frame.
export function roundUp(value) {
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
    hovertemplate: "%{y:,.4~r}",
  };
}

export function baseLayout(state, most) {
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

function memoryChart(state, traces, layout, heights) {
  const budget = (state.history.header?.kv_budget_bytes ?? 0) / 1e6;
  const megabytes = (value) => bytesText(value * 1e6);
  const most = roundUp(1.08 * Math.max(0.1, budget, ...heights));
  const ends = endsOf(traces, (value) => value / most, megabytes);
  Object.assign(layout.yaxis, { range: [0, most], tickformat: ",~f", ticksuffix: " MB" });
  layout.shapes.push(budgetLine(budget, state.look));
  layout.annotations.push(budgetLabel(budget, megabytes(budget), state.look));
  return ends;
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

const CHARTS = { perplexity: perplexityChart, memory: memoryChart, time: timeChart };

// The figure of one chart for a box so wide and high, and its curves' ends in words: {traces, layout, told}.
export function figureOf(state, name, { wide, high }) {
  const { size } = state.look;
  const most = roundUp(Math.max(mostTokens(state.latest), 1.5 * (state.latest.header?.context ?? 1)));
  const tracesOf = (history) => shownLanes(state, history).map((lane) => curveTrace(state, lane, COLUMNS[name]));
  const traces = tracesOf(state.history);
  const heights = tracesOf(state.latest).flatMap((trace) => trace.y);
  const layout = baseLayout(state, most);
  addEvents(state, layout, wide - size.l - size.r);
  const ends = CHARTS[name](state, traces, layout, heights);
  layout.annotations.push(...endLabels(ends, high - layout.margin.t - size.b, size));
  return { traces, layout, told: ends.map(({ trace, value }) => `${trace.name} ${value}`).join("; ") };
}
