// How the tokens of the answers on show were chosen, as the run says it.

import { page } from "../../data/page.js";
import { countText, decimalText, fill } from "../../data/words.js";
import { setText } from "../dom.js";

function samplingText({ temperature, top_p, repetition_penalty, answer_tokens }) {
  const values = {
    temperature: decimalText(temperature, 2), top_p: decimalText(top_p, 2), penalty: decimalText(repetition_penalty, 2),
    tokens: countText(answer_tokens),
  };
  return fill(temperature ? page.words.chat_sampled : page.words.chat_likeliest, values);
}

export function drawSampling(state) {
  const { header } = state.history;
  setText(state.find(".sl-sampling"), header ? samplingText(header.settings) : "");
}
