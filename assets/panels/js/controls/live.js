// What a visitor changes while a run goes on: its settings, of which some act at once, and the sinks, taken away and given
// back. Each says when it acts.

import { page } from "../data/page.js";
import { isLive } from "../data/phase.js";
import { fill } from "../data/words.js";
import { setText } from "../view/dom.js";
import { expectRun } from "./expected.js";
import { notify } from "./shown.js";

function formOf(values) {
  return Object.fromEntries(values.map((value, i) => [page.fields[i], value]));
}

// The form as it stands when a run begins.
export function keepForm(state, values) {
  state.form = formOf(values);
}

// Gradio tells whenever something in the form changes.
async function formMoved(state, values) {
  const [form, before] = [formOf(values), state.form ?? {}];
  const moved = Object.entries(form).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
  state.form = form;
  if (moved.length) expectRun(state, { form });
  if (!moved.length || !isLive(state) || state.starting) return;
  const request = { run: state.told.run, action: "set", settings: Object.fromEntries(moved) };
  const reply = await state.server.control(request).catch(() => null);
  if (reply) notify(state, movedText(reply));
}

function movedText({ refused, now = [], next = [] }) {
  if (refused) return refused;
  const named = (names) => names.map((name) => page.words.setting_names[name] ?? name).join(", ");
  const told = [];
  if (now.length) told.push(fill(page.words.acts_now, { settings: named(now) }));
  if (next.length) told.push(fill(page.words.acts_next, { settings: named(next) }));
  return told.join(" ");
}

function canTakeSinks(state, lane) {
  return isLive(state) && state.latest === state.told && state.at === null && lane.kind === "sinks" && lane.sinks > 0 && !lane.reason;
}

export function drawSinks(state) {
  state.history.lanes.forEach((lane, i) => {
    const button = state.lanes[i].card.querySelector(".sl-sinks");
    button.hidden = !canTakeSinks(state, lane);
    button.setAttribute("aria-pressed", String(Boolean(lane.sinks_aside)));
    setText(button, page.words[lane.sinks_aside ? "sinks_give" : "sinks_take"]);
  });
}

export function bindLive(state) {
  document.addEventListener("sl-moved", ({ detail }) => formMoved(state, detail));
  state.find(".sl-lanes").addEventListener("click", async ({ target }) => {
    if (!target.closest(".sl-sinks")) return;
    const keep = target.getAttribute("aria-pressed") === "true";
    await state.server.control({ run: state.told.run, action: "sinks", keep }).catch(() => false);
  });
}
