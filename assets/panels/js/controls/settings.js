// The settings beside the transport: Gradio's components, of which those that are seldom moved are folded away.

import { page } from "../data/page.js";
import { fill } from "../data/words.js";

const INPUTS = { number: "input_number", range: "input_range" };

// Gradio names the two inputs of a slider in English, on every page.
function nameInputs(state) {
  for (const slider of state.root.querySelectorAll("#settings .block:has(input[type='range'])")) {
    const label = slider.querySelector("label").textContent.trim();
    for (const [kind, word] of Object.entries(INPUTS)) {
      slider.querySelector(`input[type='${kind}']`)?.setAttribute("aria-label", fill(page.words[word], { label }));
    }
  }
}

export function unfold(state, on) {
  if (on) nameInputs(state);
  state.root.classList.toggle("sl-more", on);
  state.find("[data-tool='more']").setAttribute("aria-expanded", String(on));
}

export function toggleMore(state) {
  unfold(state, !state.root.classList.contains("sl-more"));
}
