// A ring on the curve, where something has just happened.

import { laneName } from "../data/words.js";
import { scales } from "./sketch.js";

// `traces` and `layout` are those that were drawn into `plot`.
export function drawFlash({ flash, history }, plot, traces, layout) {
  const figure = plot.parentNode;
  const ring = figure.querySelector(".sl-flash");
  const lane = flash && performance.now() < flash.until ? history.lanes.find(({ label }) => label === flash.label) : null;
  const trace = lane && traces.find(({ name }) => name === laneName(lane));
  const place = trace ? trace.x.findLastIndex((at) => at <= flash.at) : -1;
  if (place < 0) {
    ring?.remove();
    return;
  }
  const at = scales(plot, layout);
  const shown = ring ?? document.createElement("i");
  shown.className = "sl-flash";
  shown.style.left = `${plot.offsetLeft + at.x(trace.x[place])}px`;
  shown.style.top = `${plot.offsetTop + at.y(trace.y[place])}px`;
  if (!ring) figure.append(shown);
}
