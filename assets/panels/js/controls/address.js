// What the page's address asks for beside the settings: `present=1` a lecture, `play=1` a run at once, `hide=a,b` parts to
// leave out, `embed=1` all but the story, for a page inside another.

import { act } from "./commands.js";
import { present } from "./presentation.js";

const PARTS = { settings: ".sl-transport [data-tool='more']", tools: ".sl-tools", text: ".sl-text", answers: ".sl-judged", ask: ".sl-ask", details: ".sl-details", costs: ".sl-costs", questions: ".sl-questions" };
const EMBEDDED = ["settings", "tools", "ask", "details", "costs", "questions"];

export function followAddress(state) {
  const asked = new URLSearchParams(location.search);
  const embedded = asked.get("embed") === "1" ? EMBEDDED : [];
  for (const name of [...embedded, ...(asked.get("hide") ?? "").split(",")]) {
    if (PARTS[name]) state.find(PARTS[name]).classList.add("sl-left-out");
  }
  if (asked.get("present") === "1") present(state, true);
}

// Gradio is there, and has put the link's settings into the form.
export function arrived(state) {
  if (new URLSearchParams(location.search).get("play") === "1") act(state, "main");
}
