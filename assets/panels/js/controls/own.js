// A text of the visitor's own, pasted or read from a file here in the browser. It travels with the start of its run,
// and nowhere else: it is no setting, so no link carries it and no component of the server keeps it.

import { page } from "../data/page.js";
import { countText, fill } from "../data/words.js";
import { setText } from "../view/dom.js";

const OWN_CHOSEN = "#source input[value='text']:checked";

function decodeText(bytes) {
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const encoding = marks[bytes.slice(0, 2).join()] ?? "utf-8";
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

// Why a text cannot be read; "" where it can.
function textFault(text) {
  if (!text.trim()) return "empty";
  return [...text].length > page.most.characters ? "long" : "";
}

// The server raises it, so that it looks like every other error.
function refuse(state, why) {
  state.trigger("refuse", { why });
}

function ownField(state) {
  return state.find(".sl-own textarea");
}

// What a start sends along; null where it cannot start.
export function ownText(state) {
  if (!state.find(OWN_CHOSEN)) return "";
  const why = textFault(ownField(state).value);
  if (why) refuse(state, why);
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
  if (why) return refuse(state, why);
  ownField(state).value = text;
  ownField(state).scrollTop = 0;
  drawCount(state);
}

function drawCount(state) {
  const values = { count: countText([...ownField(state).value].length), most: countText(page.most.characters) };
  setText(state.find(".sl-own-count"), fill(page.words.own_count, values));
}

export function bindOwn(state) {
  const field = ownField(state);
  const chooser = state.find(".sl-own input");
  field.placeholder = page.words.own_placeholder;
  field.addEventListener("input", () => drawCount(state));
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
  drawCount(state);
}
