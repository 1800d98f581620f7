// Figures of a chat by its turns, in the shape of `figureOf`: what the shared prompts surprise, what repeats, what it costs.

import { page } from "../../data/page.js";
import { bytesText, countText, fill, laneName, perplexityText } from "../../data/words.js";
import { percentText } from "./cards.js";
import { DASHES, baseLayout, roundUp } from "../figures.js";
import { addEvents, endLabels, endsOf, shownLanes } from "../marks.js";

const LEAST_TURNS = 10;

const VALUES = {
  prompts: (turn) => turn.perplexity_latest, repetition: (turn) => (turn.repetition_latest === null ? null : 100 * turn.repetition_latest),
  kv: (turn) => turn.kv_bytes / 1e6, first: (turn) => turn.first_token_ms,
};

function turnTrace(state, lane, name) {
  const turns = lane.turns.filter((turn) => VALUES[name](turn) !== null);
  return {
    name: laneName(lane), x: turns.map((turn) => turn.turn + 1), y: turns.map(VALUES[name]), mode: "lines",
    line: { color: state.look[lane.kind], width: 2.5, dash: DASHES[lane.kind] ?? "solid" }, hovertemplate: "%{y:,.3~r}",
  };
}

// The turn by which the dense lane was longer than any text of the training, and those at which lanes broke.
function eventsOf(state) {
  const { words } = page;
  const { history } = state;
  const dense = history.lanes.find((lane) => lane.kind === "dense");
  const left = dense?.turns.find((turn) => turn.tokens > (history.header?.context ?? Infinity));
  const found = left ? [{ at: left.turn + 1, text: words.event_training, ink: state.look.muted }] : [];
  for (const lane of shownLanes(state)) {
    if (lane.broke !== null) found.push({ at: lane.broke + 1, text: fill(words.chat_event_broke, { lane: laneName(lane) }), ink: state.look[lane.kind] });
  }
  for (const event of found) event.text = `${event.text}, ${countText(event.at)}`;
  return found.sort((a, b) => a.at - b.at);
}

function promptsAxis(layout, values) {
  const top = Math.ceil(Math.log10(Math.max(10, ...values)));
  Object.assign(layout.yaxis, { type: "log", range: [0, top], dtick: Math.ceil(top / 6), tickformat: ",~s", exponentformat: "power" });
  return [(value) => Math.log10(Math.max(1, value)) / top, perplexityText];
}

function repetitionAxis(layout) {
  Object.assign(layout.yaxis, { range: [0, 100], tickformat: ",~f", ticksuffix: " %" });
  return [(value) => value / 100, (value) => percentText(value / 100)];
}

function kvAxis(layout, values) {
  const most = roundUp(1.15 * Math.max(0.1, ...values));
  Object.assign(layout.yaxis, { range: [0, most], tickformat: ",~f", ticksuffix: " MB" });
  return [(value) => value / most, (value) => bytesText(value * 1e6)];
}

function firstAxis(layout, values) {
  const most = roundUp(1.15 * Math.max(1, ...values));
  Object.assign(layout.yaxis, { range: [0, most], tickformat: ",~f", ticksuffix: " ms" });
  return [(value) => value / most, (value) => `${countText(Math.round(value))} ms`];
}

const AXES = { prompts: promptsAxis, repetition: repetitionAxis, kv: kvAxis, first: firstAxis };

export function chatFigureOf(state, name, { wide, high }) {
  const { size } = state.look;
  const tracesOf = (history) => shownLanes(state, history).map((lane) => turnTrace(state, lane, name));
  const [traces, whole] = [tracesOf(state.history), tracesOf(state.latest)];
  const most = roundUp(Math.max(LEAST_TURNS, (state.latest.header?.heard ?? 0) + LEAST_TURNS, ...whole.flatMap((trace) => trace.x)));
  const layout = baseLayout(state, most);
  Object.assign(layout.xaxis, { range: state.zoom ?? [state.latest.header?.heard ?? 0, most] });
  layout.xaxis.title.text = page.words.axis_turns;
  addEvents(state, layout, wide - size.l - size.r, eventsOf(state));
  const ends = endsOf(traces, ...AXES[name](layout, whole.flatMap((trace) => trace.y)));
  layout.annotations.push(...endLabels(ends, high - layout.margin.t - size.b, size));
  return { traces, layout, told: ends.map(({ trace, value }) => `${trace.name} ${value}`).join("; ") };
}
