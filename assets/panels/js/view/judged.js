// The same question in all lanes: what each answered, which was right, and how often so far. It is the one that says
// most, unless the visitor pages to another.

import { answerText, isKnown, isRight } from "../data/answers.js";
import { forgetter, isKept, toldText } from "../data/cache.js";
import { questionsOf, scoresOf, tellingQuestion } from "../data/judged.js";
import { page } from "../data/page.js";
import { countText, fill, laneName } from "../data/words.js";
import { part, setText } from "./dom.js";

export function drawMark(mark, item) {
  const [known, right] = [isKnown(item), isRight(item)];
  mark.dataset.right = known ? (right ? "yes" : "no") : "";
  setText(mark, known ? page.words[right ? "right" : "wrong"] : "");
}

// Another question than the one on show: the `step`th after it.
export function turnPage(state, step) {
  if (!state.history) return;
  const questions = questionsOf(state.history);
  const at = questions.indexOf(questionOnShow(state, questions));
  const to = questions[Math.min(questions.length - 1, Math.max(0, at + step))];
  state.turn = to && to.turn !== tellingQuestion(questions, state.history).turn ? to.turn : null;
  state.draw();
}

function questionOnShow({ turn, history }, questions) {
  return questions.find((question) => question.turn === turn) ?? tellingQuestion(questions, history);
}

function nothingAsked({ history }) {
  const asks = !history.header || history.header.source.includes("prompts");
  return page.words[asks ? "no_answers" : "no_prompts"];
}

function scoreText(history) {
  const scores = scoresOf(history).filter(({ asked }) => asked);
  const told = scores.map(({ lane, asked, right }) => `${laneName(lane)} ${countText(right)}/${countText(asked)}`);
  return told.length ? fill(page.words.score, { scores: told.join(" · ") }) : "";
}

function referenceText(question) {
  if (!question) return "";
  const { expected, reference } = question;
  return expected ? fill(page.words.right_answer, { answer: expected }) : fill(page.words.text_says, { answer: reference });
}

// When it was asked, and whether what it asks for is still there; older recordings do not know when it was told.
function askedText({ at, told_at: toldAt }, { lanes }) {
  const asked = fill(page.words.asked_at, { at: countText(at) });
  const lane = forgetter(lanes);
  return toldAt === undefined || lane.kind === "dense" ? asked : `${asked}; ${toldText(at - toldAt, isKept(lane, toldAt, at))}`;
}

function drawReply(node, lane, item, question) {
  node.dataset.kind = lane.kind;
  setText(node.querySelector("b"), laneName(lane));
  const ended = question && !item && lane.reason ? page.words.answers_no_more : "";
  setText(node.querySelector("span span"), item ? answerText(item) : ended);
  drawMark(node.querySelector("i"), item);
}

export function drawJudged(state) {
  const { history } = state;
  const questions = questionsOf(history);
  const question = questionOnShow(state, questions);
  const at = questions.indexOf(question);
  const box = state.find(".sl-judged");
  const put = (selector, text) => setText(box.querySelector(selector), text);
  put(".sl-asked", question ? askedText(question, history) : nothingAsked(state));
  put(".sl-count", scoreText(history));
  put(".sl-prompt", question?.prompt ?? "");
  put(".sl-reference", referenceText(question));
  const replies = box.querySelector(".sl-replies");
  while (replies.children.length < history.lanes.length) replies.append(part("reply").firstElementChild);
  while (replies.children.length > history.lanes.length) replies.lastElementChild.remove();
  history.lanes.forEach((lane, i) => drawReply(replies.children[i], lane, question?.replies[i] ?? null, question));
  box.querySelector("[data-page='-1']").disabled = at <= 0;
  box.querySelector("[data-page='1']").disabled = at < 0 || at >= questions.length - 1;
}

export function bindJudged(state) {
  for (const button of state.root.querySelectorAll(".sl-judged [data-page]")) {
    button.addEventListener("click", () => turnPage(state, Number(button.dataset.page)));
  }
}
