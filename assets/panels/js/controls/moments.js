// The moments of a live run: each has its caption, is spoken, and flashes on its curve; the run halts there if the visitor
// wishes so.

import { isDialogue } from "../data/dialogue.js";
import { happeningsOf } from "../data/happenings.js";
import { isLive } from "../data/phase.js";
import { setText } from "../view/dom.js";
import { control } from "./commands.js";

const CAPTION_STAYS = 7000; // ms
const FLASHES = 3000;

export function noteMoments(state) {
  if (state.told.recorded || isDialogue(state.told)) return;
  const fresh = happeningsOf(state.told);
  if (!fresh.length) return;
  const [first, last] = [fresh[0], fresh.at(-1)];
  const now = performance.now();
  state.caption = { text: last.text, until: now + CAPTION_STAYS };
  state.flash = { label: last.lane.label, at: last.at, until: now + FLASHES };
  setText(state.find("[role='status']"), fresh.map(({ text }) => text).join(" "));
  state.announced = now;
  setTimeout(() => state.draw(), CAPTION_STAYS + 100);
  if (state.halts && isLive(state) && first.lane.tokens > 0) control(state, "pause");
}

export function toggleHalts(state) {
  state.halts = !state.halts;
  state.find("[data-tool='halts']").setAttribute("aria-pressed", String(state.halts));
}
