// A text of the visitor's own, pasted or read from a file here in the browser. It travels with the start of its run,
// and nowhere else: it is no setting, so no link carries it and no component of the server keeps it.

import { page } from "../data/page.js";
import { countText, fill } from "../data/words.js";
import { setText } from "../view/dom.js";
import { unfold } from "./settings.js";

const COUNT_AFTER = 250; // ms without a key
const OWN_CHOSEN = "#source input[value='text']:checked";

function decodeText(bytes) {
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const encoding = marks[bytes.slice(0, 2).join()] ?? "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

// Why a text cannot be read; "" where it can.
function textFault(text) {
  if (!text.trim()) return "empty";
  return characters(text) > page.most.characters ? "long" : "";
}

// Why a text is not taken, beside it and for as long as it is so; "" where it is.
function refuse(state, why) {
  const fault = state.find(".sl-own-fault");
  fault.hidden = !why;
  setText(fault, page.words.refusals[why] ?? "");
  if (!why) return;
  unfold(state, true);
  ownField(state).scrollIntoView({ block: "nearest" });
}

function ownField(state) {
  return state.find(".sl-own textarea");
}

// What a start sends along; null where it cannot start.
export function ownText(state) {
  if (!state.find(OWN_CHOSEN)) return "";
  const why = textFault(ownField(state).value);
  refuse(state, why);
  return why ? null : ownField(state).value;
}

async function takeFile(state, file) {
  if (!file) return;
  if (file.size > page.most.bytes) return refuse(state, "size");
  const bytes = await file.arrayBuffer().catch(() => null);
  try {
    putText(state, decodeText(new Uint8Array(bytes)));
  } catch {
    refuse(state, "encoding");
  }
}

function putText(state, text) {
  const why = textFault(text);
  refuse(state, why);
  if (why) return;
  ownField(state).value = text;
  ownField(state).scrollTop = 0;
  drawCount(state);
}

function drawCount(state) {
  const values = { count: countText(characters(ownField(state).value)), most: countText(page.most.characters) };
  setText(state.find(".sl-own-count"), fill(page.words.own_count, values));
}

// As Python counts them: a pair of surrogates is one. It takes some milliseconds for a long text, hence not at every key.
function characters(text) {
  let pairs = 0;
  for (let i = 1; i < text.length; i += 1) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) pairs += 1;
  }
  return text.length - pairs;
}

// Bundled models are tiny: who brings a text to one should know what will come of it.
export function drawOwn(state) {
  const model = state.root.querySelector("#model input")?.value ?? "";
  setText(state.find(".sl-own-bundled"), page.bundled.includes(model) ? fill(page.words.own_bundled, { model }) : "");
}

export function bindOwn(state) {
  const field = ownField(state);
  const chooser = state.find(".sl-own input");
  field.placeholder = page.words.own_placeholder;
  field.addEventListener("input", () => {
    refuse(state, "");
    clearTimeout(state.counting);
    state.counting = setTimeout(() => drawCount(state), COUNT_AFTER);
  });
  field.addEventListener("dragover", (event) => event.preventDefault());
  field.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    takeFile(state, event.dataTransfer.files[0]);
  });
  state.find("[data-own='open']").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    takeFile(state, chooser.files[0]);
    chooser.value = "";
  });
  for (const name of ["change", "focusout"]) document.addEventListener(name, state.draw);
  drawCount(state);
}
