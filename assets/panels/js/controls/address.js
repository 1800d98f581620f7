// What the page's address asks for beside the settings: `present=1` a lecture, `play=1` a run at once, `hide=a,b` parts to
// leave out, for a page inside another.

import { act } from "./commands.js";
import { present } from "./presentation.js";

const PARTS = { settings: ".sl-transport [data-tool='more']", tools: ".sl-tools", text: ".sl-text", answers: ".sl-judged", ask: ".sl-ask", details: ".sl-details", costs: ".sl-costs", questions: ".sl-questions" };
const PLAY_AFTER = 300; // ms: Gradio puts the link's settings into the form first

export function followAddress(state) {
  const asked = new URLSearchParams(location.search);
  for (const name of (asked.get("hide") ?? "").split(",")) {
    if (PARTS[name]) state.find(PARTS[name]).classList.add("sl-left-out");
  }
  if (asked.get("present") === "1") present(state, true);
  if (asked.get("play") === "1") setTimeout(() => act(state, "main"), PLAY_AFTER);
}
