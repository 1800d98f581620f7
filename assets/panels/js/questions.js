// Questions people ask, answered with what this run measures.

function answerFacts(history) {
  const { header } = history;
  const lane = history.lanes.find((one) => one.kind === "sinks") ?? history.lanes[0];
  const known = answersOf(lane).filter(isKnown);
  return {
    held: countText(lane.cache_tokens), tokens: countText(lane.tokens), sinks: countText(lane.sinks),
    recent: countText(lane.recent ?? 0), evicted: countText(Math.max(0, lane.tokens - lane.cache_tokens)),
    last_position: countText(lane.sinks + (lane.recent ?? 0)), context: countText(header?.context ?? 0),
    window: countText(header?.window ?? 0), asked: countText(known.length), right: countText(known.filter(isRight).length),
    first: countText(firstTokens(lane)), share: shareWords(lane, history.recorded),
  };
}

function buildQuestions(state) {
  state.find(".sl-questions div").append(...page.words.questions.map(({ ask }) => {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = ask;
    details.append(summary, document.createElement("p"));
    return details;
  }));
}

function drawQuestions(state) {
  const facts = answerFacts(state.history);
  const answers = state.root.querySelectorAll(".sl-questions p");
  page.words.questions.forEach(({ answer }, i) => setText(answers[i], fill(answer, facts)));
}
