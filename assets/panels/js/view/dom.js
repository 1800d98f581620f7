// The panel's markup. It carries no words: data-word names the text of an element, data-word-label its accessible name.

import { page } from "../data/page.js";

export function part(name) {
  const markup = document.createElement("template");
  markup.innerHTML = page.markup;
  const piece = markup.content.querySelector(`[data-part="${name}"]`).content;
  putWords(piece);
  return piece;
}

// Markup carries no words: data-word names the text of an element, data-word-label its accessible name.
function putWords(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = page.words[node.dataset.word];
  for (const node of root.querySelectorAll("[data-word-label]")) {
    node.setAttribute("aria-label", page.words[node.dataset.wordLabel]);
  }
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
