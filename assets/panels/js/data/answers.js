// What lanes say to the text’s prompts and to visitors, and whether that is right.

import { page } from "./page.js";
import { countText, fill } from "./words.js";

export function answersOf(lane) {
  return lane.answers.filter(Boolean);
}

export function answerText(item) {
  if (!item.done) return `${item.answer} …`;
  return item.answer.trim() || page.words.no_words;
}

// Where a fact is asked for, its words are known: they are in the answer, or they are not.
export function isKnown(item) {
  return Boolean(item?.done && item.expected);
}

export function isRight(item) {
  return isKnown(item) && says(item.answer, item.expected);
}

// Whether the words of a fact stand in a text one after the other, in upper or lower case; "twenty" is not in
// "twenty-one". comparisons/text/facts.py says the same, and tests/text/facts.json holds both to it.
export function says(text, fact) {
  const wanted = wordsOf(fact);
  return wanted.trim() !== "" && wordsOf(text).includes(wanted);
}

function wordsOf(text) {
  return ` ${(text.toLowerCase().match(/[\p{L}\p{N}]+(?:-[\p{L}\p{N}]+)*/gu) ?? []).join(" ")} `;
}

// Until a lane has taken the question up, it is shown as asked.
export function saidBy(lane, asked) {
  const waits = asked && !asked.refused && (asked.id === null || (lane.said?.id ?? 0) < asked.id);
  if (waits) return { at: null, question: asked.text, answer: "", done: false, reason: null };
  return lane.said ?? null;
}

export function saidText(said) {
  if (!said.reason) return answerText(said);
  const why = page.words.unanswered[said.reason] ?? fill(page.words.errors.StreamingError, { said: said.message });
  return said.answer ? `${said.answer} … ${why}` : why;
}

export function saidLabel(said) {
  if (!said) return page.words.said_nothing;
  return said.at === null ? page.words.said_waiting : fill(page.words.said_at, { at: countText(said.at) });
}
