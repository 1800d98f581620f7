// Questions of the text that lanes answered: the same question for all of them, and whether each was right.

import { answersOf, isKnown, isRight } from "./answers.js";

// Every question that was answered to its end, with the answer of each lane that was there for it, in the text's order.
export function questionsOf(history) {
  const found = new Map();
  history.lanes.forEach((lane, place) => {
    for (const item of answersOf(lane)) {
      if (!item.done) continue;
      const question = found.get(item.turn) ?? { ...item, replies: history.lanes.map(() => null) };
      question.replies[place] = item;
      found.set(item.turn, question);
    }
  });
  return [...found.values()].sort((one, other) => one.turn - other.turn);
}

// Whether one lane was right and another was not.
function differs({ replies }) {
  return replies.every(isKnown) && new Set(replies.map(isRight)).size > 1;
}

// Which one says most: the last that all lanes answered and that can be judged, else the last that all of them answered;
// of a run that is over, one that tells its lanes apart.
export function tellingQuestion(questions, { state }) {
  const shared = questions.filter(({ replies }) => replies.every(Boolean));
  const telling = state === "finished" ? shared.findLast(differs) : null;
  return telling ?? shared.findLast(({ replies }) => replies.every(isKnown)) ?? shared.at(-1) ?? questions.at(-1) ?? null;
}

// Of the questions that a lane answered and that can be judged, how many it got right.
export function scoresOf(history) {
  return history.lanes.map((lane) => {
    const known = answersOf(lane).filter(isKnown);
    return { lane, asked: known.length, right: known.filter(isRight).length };
  });
}
