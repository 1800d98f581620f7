// What this run's tokens would cost on large models: bytes per token, told by the page, times tokens.

import { mostTokens } from "../data/history.js";
import { page } from "../data/page.js";
import { bytesText, countText, decimalText, fill } from "../data/words.js";
import { setText } from "./dom.js";

function costText(bytes) {
  return bytes < 1e6 ? `${decimalText(bytes / 1e3, 1)} kB` : bytesText(bytes);
}

export function buildCosts(state) {
  const rows = page.costs.map(({ model, bytes_per_token: each }) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = model;
    row.append(name, ...["token", "dense", "sinks"].map((column) => {
      const cell = document.createElement("td");
      cell.dataset.cost = column;
      return cell;
    }));
    setText(row.children[1], costText(each));
    return row;
  });
  state.find(".sl-costs tbody").append(...rows);
}

export function drawCosts(state) {
  const { history } = state;
  const lane = history.lanes.find((one) => one.kind === "sinks") ?? history.lanes[0];
  const tokens = mostTokens(history);
  const window = lane.sinks + lane.recent;
  const held = Math.min(tokens, window);
  const values = { tokens: countText(tokens), window: countText(window) };
  setText(state.find(".sl-costs-note"), fill(page.words.costs_note, values));
  setText(state.find(".sl-costs [data-head='sinks']"), fill(page.words.costs_sinks, values));
  const rows = state.root.querySelectorAll(".sl-costs tbody tr");
  page.costs.forEach(({ bytes_per_token: each }, i) => {
    setText(rows[i].children[2], costText(each * tokens));
    setText(rows[i].children[3], costText(each * held));
  });
}
