// What keys and values take on large models: bytes per token, told by the page, times the tokens that the visitor chooses.

import { page } from "../data/page.js";
import { bytesText, countText, decimalText, fill } from "../data/words.js";
import { setText } from "./dom.js";

const LEAST = 10; // powers of two that can be chosen, and the one at first
const MOST = 22;
const FIRST = 17;

function costText(bytes) {
  return bytes < 1e6 ? `${decimalText(bytes / 1e3, 1)} kB` : bytesText(bytes);
}

// A window that fits: half of what the model was trained on is for what it has read, the rest for what it says.
function windowOf({ context }) {
  return context / 2;
}

function nameCell({ model, config }) {
  const [cell, link] = [document.createElement("th"), document.createElement("a")];
  cell.scope = "row";
  Object.assign(link, { href: config, textContent: model, target: "_blank", rel: "noopener" });
  cell.append(link);
  return cell;
}

function costRow(cost) {
  const row = document.createElement("tr");
  row.append(nameCell(cost), ...["context", "token", "dense", "sinks"].map((column) => {
    const cell = document.createElement("td");
    cell.dataset.cost = column;
    return cell;
  }));
  setText(row.children[1], countText(cost.context));
  setText(row.children[2], costText(cost.bytes_per_token));
  return row;
}

// Why a larger model may take less: of two of the table, by their own numbers.
function sharedText() {
  const [more, fewer] = ["Llama-2-13B", "Llama-2-70B"].map((name) => page.costs.find(({ model }) => model === name));
  const values = { more: more.model, heads: countText(more.kv_heads), fewer: fewer.model, shared: countText(fewer.kv_heads) };
  return fill(page.words.costs_shared, values);
}

function drawCosts(state, tokens) {
  setText(state.find(".sl-costs output"), fill(page.words.costs_after, { tokens: countText(tokens) }));
  const slider = state.find(".sl-costs input");
  slider.setAttribute("aria-valuetext", countText(tokens));
  slider.style.setProperty("--share", (slider.value - LEAST) / (MOST - LEAST));
  const rows = state.root.querySelectorAll(".sl-costs tbody tr");
  page.costs.forEach((cost, i) => {
    setText(rows[i].children[3], costText(cost.bytes_per_token * tokens));
    setText(rows[i].children[4], costText(cost.bytes_per_token * Math.min(tokens, windowOf(cost))));
  });
}

export function buildCosts(state) {
  const slider = state.find(".sl-costs input");
  Object.assign(slider, { min: LEAST, max: MOST, value: FIRST });
  state.find(".sl-costs tbody").append(...page.costs.map(costRow));
  setText(state.find(".sl-costs-note"), `${page.words.costs_note} ${sharedText()}`);
  slider.addEventListener("input", () => drawCosts(state, 2 ** slider.value));
  drawCosts(state, 2 ** FIRST);
}
