// The tools of the header, the presets, and the link that carries the settings.

import { page } from "../data/page.js";
import { setText } from "../view/dom.js";
import { tokenText } from "../view/text.js";
import { save } from "./downloads.js";
import { keepForm } from "./live.js";
import { listKeys, onKey } from "./keys.js";
import { toPresent } from "./player.js";
import { bindPresentation, showAddressCode, togglePresentation } from "./presentation.js";
import { act, startRun } from "./commands.js";
import { notify } from "./shown.js";
import { toggleMore } from "./settings.js";
import { toggleTheme } from "./theme.js";
import { bindTour, openTour } from "./tour.js";
import { toggleHalts } from "./moments.js";

// A link carries the settings as they stand, each as JSON.
async function copyLink(state, values) {
  const query = new URLSearchParams(values.map((value, i) => [page.fields[i], page.fields[i] === "mode" ? value : JSON.stringify(value)]));
  history.replaceState(null, "", `?${query}`);
  keepForm(state, values);
  const { quietly } = state;
  state.quietly = false;
  if (quietly) return;
  if (await copied(location.href)) sayCopied(state);
  else showAddress(state);
}

// The clipboard is there on https alone, and inside another page only if that allows it.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function sayCopied(state) {
  const button = state.find("[data-tool='link']");
  setText(button, page.words.link_copied);
  setTimeout(() => setText(button, page.words.copy_link), 2000);
}

function showAddress(state) {
  const field = state.find(".sl-address input");
  field.value = location.href;
  state.find(".sl-address").showModal();
  field.select();
}

function presetChip(state, [name, preset]) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "sl-chip";
  chip.textContent = preset.name;
  chip.title = preset.watch;
  chip.dataset.of = page.presets[name];
  chip.addEventListener("click", () => startRun(state, name));
  return chip;
}

// Another language is another address; the settings of the link go along.
function languageLink({ language, name, path }) {
  const link = document.createElement("a");
  Object.assign(link, { className: "sl-quiet", textContent: name, href: path, lang: language, hreflang: language });
  link.dataset.tool = "language";
  link.addEventListener("click", () => {
    link.href = path + location.search;
  });
  return link;
}

const SOURCES = { paper: "https://arxiv.org/abs/2309.17453", code: "https://github.com/mit-han-lab/streaming-llm" };

function sourceLink([word, address]) {
  const link = document.createElement("a");
  Object.assign(link, { href: address, textContent: page.words[word], target: "_blank", rel: "noopener" });
  return link;
}

function unzoom(state) {
  state.zoom = null;
  state.draw();
}

const TOOLS = {
  link: (state) => state.trigger("link"), theme: toggleTheme, present: togglePresentation, more: toggleMore, unzoom,
  "present-time": toPresent, halts: toggleHalts, qr: showAddressCode, tour: openTour,
  keys: (state) => state.find(".sl-keys").showModal(),
};

export function bindControls(state) {
  const onClick = (selector, act) => {
    for (const button of state.root.querySelectorAll(selector)) button.addEventListener("click", () => act(button.dataset));
  };
  onClick("[data-do]", (data) => act(state, data.do));
  onClick("button[data-tool]", (data) => TOOLS[data.tool](state));
  onClick("[data-save]", (data) => save(state, data.save));
  state.find(".sl-lanes").addEventListener("click", ({ target }) => { // a finger has no hover
    if (target.dataset.index && !state.notice) notify(state, tokenText(target));
  });
  document.addEventListener("keydown", (event) => onKey(state, event));
  document.addEventListener("sl-link", (event) => copyLink(state, event.detail));
  state.find(".sl-presets .sl-chips").append(...Object.entries(page.words.presets).map((preset) => presetChip(state, preset)));
  state.find(".sl-languages").append(...page.languages.map(languageLink));
  state.find(".sl-sources").append(...Object.entries(SOURCES).map(sourceLink));
  bindPresentation(state);
  bindTour(state);
  listKeys(state);
}
