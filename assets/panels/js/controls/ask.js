// A visitor's question to all lanes: the box, its examples from the text, and what each lane says.

import { saidBy, saidLabel, saidText } from "../data/answers.js";
import { forgetter, isKept, toldText } from "../data/cache.js";
import { page } from "../data/page.js";
import { isLive, phase } from "../data/phase.js";
import { laneName } from "../data/words.js";
import { announceSaid } from "../view/announce.js";
import { drawMark } from "../view/judged.js";
import { setText } from "../view/dom.js";
import { isPresenting } from "./presentation.js";

const EXAMPLES = 3;
export const EXAMPLES_STAY = 5000; // ms: examples that changed with every new fact could not be read

// The lanes that answer must be those on show, as they are now.
function askable(state) {
  return isLive(state) && state.latest === state.told && state.at === null;
}

function whyNot(state) {
  if (isLive(state)) return page.words.ask_elsewhere;
  return state.mode === "chat" ? page.words.chat_idle : page.words.ask_idle;
}

// The question that was asked last, where its run is on show.
function askedOnShow(state) {
  return state.asked && state.asked.run === state.latest?.run ? state.asked : null;
}

// The words that make an answer right are known for a question that the text itself has answered.
function expectedWords(state, text) {
  const told = state.told.lanes.flatMap((lane) => lane.told ?? []);
  const shown = state.examples.map((chip) => chip.example).filter(Boolean);
  return [...shown, ...told].find((fact) => fact.question === text)?.answer ?? null;
}

async function ask(state, text) {
  const line = text.trim();
  if (!line || !askable(state)) return;
  const { run } = state.told;
  const asked = { run, text: line, id: null, refused: "", expected: expectedWords(state, line), announced: false };
  state.asked = asked;
  state.draw();
  const reply = await state.server.control({ run, action: "ask", text: line }).catch(() => false);
  asked.id = reply?.id ?? null;
  if (asked.id === null) asked.refused = reply?.refused ?? page.words.ask_lost;
  const input = state.find(".sl-ask input");
  if (asked.id !== null && input.value.trim() === line) input.value = "";
  state.draw();
}

export function focusQuestion(state) {
  if (isPresenting()) state.root.classList.add("sl-asking"); // a lecture has the box once it is wanted
  state.find(".sl-ask input").focus();
}

function exampleChip(state) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "sl-chip";
  const question = document.createElement("span");
  question.lang = "en"; // the text's language, on every page
  chip.append(question, document.createElement("small"));
  chip.addEventListener("click", () => ask(state, chip.example.question));
  return chip;
}

export function buildAsk(state) {
  const form = state.find(".sl-ask form");
  const input = form.querySelector("input");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(state, input.value);
  });
  state.examples = Array.from({ length: EXAMPLES }, () => exampleChip(state));
  state.find(".sl-examples").append(...state.examples);
}

// Facts that all lanes still at work have been told: those of the lane that is furthest behind.
function factsTold(history) {
  const working = history.lanes.filter((lane) => !lane.reason);
  const lanes = working.length ? working : history.lanes;
  return lanes.reduce((behind, lane) => (lane.tokens < behind.tokens ? lane : behind)).told ?? [];
}

// Examples stay for a while, and for as long as somebody is about to choose one; an empty place is filled at once.
function drawExamples(state, live) {
  const box = state.find(".sl-examples");
  const facts = live ? factsTold(state.told) : [];
  const shown = state.examples.filter((chip) => chip.example).length;
  const settled = state.examplesOf === state.told?.run && facts.length <= shown;
  const fresh = phase(state) === "running" && performance.now() - state.examplesAt < EXAMPLES_STAY;
  const calm = fresh || box.matches(":hover, :focus-within");
  for (const chip of state.examples) chip.disabled = !live;
  if (!settled || (live && !calm)) {
    Object.assign(state, { examplesOf: state.told?.run, examplesAt: performance.now() });
    state.examples.forEach((chip, i) => putExample(chip, facts[i] ?? null));
  }
  if (live && !box.matches(":hover, :focus-within")) keepOne(state, facts);
  for (const chip of state.examples) drawTold(chip, forgetter(state.told?.lanes ?? []));
}

// The first stays one that can be answered from every cache, where there is such a fact.
function keepOne({ examples: [first], told }, [newest]) {
  const lane = forgetter(told.lanes);
  if (newest && first.example && !isKept(lane, first.example.at, lane.tokens) && isKept(lane, newest.at, lane.tokens)) putExample(first, newest);
}

function putExample(chip, fact) {
  chip.example = fact;
  chip.dataset.empty = fact ? "" : "yes";
  chip.title = fact?.question ?? "";
  setText(chip.firstElementChild, fact?.question ?? "");
}

// Whether the lane that forgets still holds it, as it is now: in tens of tokens, so that it can be read.
function drawTold(chip, lane) {
  const fact = chip.example;
  const kept = fact && isKept(lane, fact.at, lane.tokens);
  chip.dataset.kept = fact && (kept ? "yes" : "no");
  setText(chip.lastElementChild, fact ? toldText(Math.round((lane.tokens - fact.at) / 10) * 10, kept) : "");
}

export function drawAsk(state) {
  const { words } = page;
  state.find(".sl-ask input").placeholder = state.mode === "chat" ? words.chat_placeholder : words.ask_placeholder;
  const live = askable(state);
  const name = (state.latest?.lanes.length ?? 2) > 2 ? words.ask_all : words.ask_both;
  setText(state.find(".sl-ask label"), name);
  setText(state.find(".sl-ask button span"), name);
  for (const control of state.root.querySelectorAll(".sl-ask form :is(input, button)")) control.disabled = !live;
  setText(state.find(".sl-ask-why"), live ? (askedOnShow(state)?.refused ?? "") : whyNot(state));
  drawExamples(state, live);
}

function drawSaid(card, lane, asked) {
  const find = (selector) => card.querySelector(`.sl-said ${selector}`);
  const said = saidBy(lane, asked);
  const own = said && asked?.id === said.id;
  setText(find(".sl-asked"), saidLabel(said));
  setText(find(".sl-prompt"), said?.question ?? "");
  find(".sl-prompt").title = said?.question ?? "";
  setText(find(".sl-own b"), laneName(lane));
  setText(find(".sl-own span span"), said ? saidText(said) : "");
  drawMark(find(".sl-own i"), said && { ...said, done: said.done && !said.reason, expected: own ? asked.expected : null });
  find(".sl-answer").dataset.empty = said ? "" : "yes";
}

// At an earlier moment of the run, only what had been asked by then.
export function drawReplies(state) {
  const asked = state.at === null ? askedOnShow(state) : null;
  state.history.lanes.forEach((lane, i) => {
    const { said } = state.latest.lanes[i];
    drawSaid(state.lanes[i].detail.card, { ...lane, said: said && said.at <= lane.tokens ? said : null }, asked);
  });
  announceSaid(state, asked);
}
