// One button per lane that shows or hides its curves; the legend of all charts.

import { laneName } from "../data/words.js";
import { part } from "./dom.js";

export function drawChips(state) {
  const box = state.find(".sl-legend .sl-chips");
  if (box.dataset.run === state.history.run) return;
  box.dataset.run = state.history.run;
  box.replaceChildren(...state.history.lanes.map((lane) => laneChip(state, lane)));
}

function laneChip(state, lane) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "sl-chip";
  chip.dataset.kind = lane.kind;
  chip.setAttribute("aria-pressed", String(!state.hidden.has(lane.label)));
  chip.append(part("lane").querySelector(".sl-swatch"), laneName(lane));
  chip.addEventListener("click", () => {
    if (!state.hidden.delete(lane.label)) state.hidden.add(lane.label);
    chip.setAttribute("aria-pressed", String(!state.hidden.has(lane.label)));
    state.draw();
  });
  return chip;
}
