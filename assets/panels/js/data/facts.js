// What questions and tour name of a run: all measured, all as text.

import { answersOf, isKnown, isRight } from "./answers.js";
import { firstTokens, shareWords } from "./attention.js";
import { countText } from "./words.js";

export function answerFacts(history) {
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
