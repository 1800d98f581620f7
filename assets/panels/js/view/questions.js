// Questions people ask, answered with what this run measures.

import { answerFacts } from "../data/facts.js";
import { page } from "../data/page.js";
import { fill } from "../data/words.js";
import { setText } from "./dom.js";

export function buildQuestions(state) {
  state.find(".sl-questions div").append(...page.words.questions.map(({ ask }) => {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = ask;
    details.append(summary, document.createElement("p"));
    return details;
  }));
}

export function drawQuestions(state) {
  const facts = answerFacts(state.history);
  const answers = state.root.querySelectorAll(".sl-questions p");
  page.words.questions.forEach(({ answer }, i) => setText(answers[i], fill(answer, facts)));
}
