// What stands on and beside the curves: names and values at their ends, and what happened to the lanes.

import { page } from "../data/page.js";
import { countText, fill, laneName } from "../data/words.js";

export function shownLanes(state, history = state.history) {
  return history.lanes.filter((lane) => !state.hidden.has(lane.label));
}

const EVENT_ROWS = 3; // of labels above the plot

// The name and the present value of each curve beside its end, moved apart where two ends meet.
// An end is {at: height from 0 to 1, value: text, trace}.
export function endLabels(ends, height, size) {
  const gap = size.label / height;
  const sorted = ends.toSorted((a, b) => a.at - b.at);
  sorted.forEach((end, i) => {
    end.at = Math.max(end.at, i ? sorted[i - 1].at + gap : gap / 2); // above the numbers of the axis
  });
  for (let i = sorted.length - 1, top = 1; i >= 0; i -= 1, top -= gap) sorted[i].at = Math.min(sorted[i].at, top);
  return sorted.map(({ at, value, trace }) => ({
    xref: "paper", x: 1, xanchor: "left", xshift: 8, yref: "paper", y: at, yanchor: "middle", align: "left",
    text: `<b>${value}</b><br>${trace.name}`, showarrow: false, font: { color: trace.line.color, size: size.type + 1 },
  }));
}

export function endsOf(traces, heightOf, textOf) {
  return traces.filter((trace) => trace.y.length).map((trace) => {
    const value = trace.y[trace.y.length - 1];
    return { trace, at: heightOf(value), value: textOf(value) };
  });
}

// Where no sinks are kept, the first tokens to leave are those that would be.
function eventWords(lane, { kind }) {
  const gone = kind === "first-eviction" && !lane.sinks && lane.kind !== "recompute";
  return gone ? page.words.event_sinks_gone : page.words.events[kind];
}

// Training length (once), then what happened to the lanes on show, from left to right.
function eventsShown(state) {
  const { header } = state.history;
  const found = header ? [{ at: header.context, text: page.words.event_training, ink: state.look.muted }] : [];
  for (const lane of shownLanes(state)) {
    for (const event of lane.events) {
      const words = eventWords(lane, event);
      if (words) found.push({ at: event.at, text: fill(words, { lane: laneName(lane) }), ink: state.look[lane.kind] });
    }
  }
  for (const event of found) event.text = `${event.text}, ${countText(event.at)}`;
  return found.sort((a, b) => a.at - b.at);
}

// Labels stand above the plot, each in the first row in which it does not run into the one before.
function placeLabels(events, least, most, width, size) {
  const ends = Array(EVENT_ROWS).fill(-Infinity);
  for (const event of events) {
    const at = ((event.at - least) / (most - least)) * width;
    const length = event.text.length * size.letter + 10;
    const start = Math.max(-size.l, Math.min(at - 4, width + size.r - length));
    const free = ends.findIndex((end) => end <= start);
    event.row = free < 0 ? EVENT_ROWS - 1 : free;
    event.shift = start - at;
    ends[event.row] = start + length;
  }
}

function eventLine(event) {
  return {
    type: "line", xref: "x", x0: event.at, x1: event.at, yref: "paper", y0: 0, y1: 1, layer: "below",
    line: { color: event.ink, width: 1, dash: "3px,3px" },
  };
}

function eventLabel(event, size) {
  return {
    xref: "x", x: event.at, xanchor: "left", xshift: event.shift, yref: "paper", y: 1, yanchor: "bottom",
    yshift: size.row * (EVENT_ROWS - 1 - event.row), text: event.text, showarrow: false,
    font: { color: event.ink, size: size.type },
  };
}

export function addEvents(state, layout, width, happened = eventsShown(state)) {
  const { size } = state.look;
  const [least, most] = layout.xaxis.range;
  const events = happened.filter((event) => event.at >= least && event.at <= most);
  layout.shapes = events.map(eventLine);
  placeLabels(events, least, most, width, size);
  layout.annotations = events.map((event) => eventLabel(event, size));
  layout.margin.t = size.row * EVENT_ROWS + 6;
}
