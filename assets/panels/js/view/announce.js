// What a screen reader hears of a run.

import { saidText } from "../data/answers.js";
import { verdict } from "../data/verdict.js";
import { page } from "../data/page.js";
import { countText, fill, laneName, perplexityText } from "../data/words.js";
import { setText } from "./dom.js";

export const ANNOUNCE_EVERY = 10_000; // ms between two announcements to a screen reader

function laneText(lane, history) {
  const known = { lane: laneName(lane), verdict: verdict(lane, history).text, tokens: countText(lane.tokens), now: perplexityText(lane.perplexity) };
  return fill(page.words.lane_told, known);
}

// A screen reader hears the verdicts when a lane's ending changes, otherwise every ten seconds at most.
export function announce(state) {
  if (state.notice) setText(state.find("[role='status']"), state.notice);
  if (state.latest.recorded || state.at !== null) return;
  const endings = state.history.lanes.map((lane) => lane.reason).join();
  const now = performance.now();
  if (endings === state.endings && now - state.announced < ANNOUNCE_EVERY) return;
  Object.assign(state, { endings, announced: now });
  const text = state.history.lanes.map((lane) => laneText(lane, state.history)).join(" ");
  setText(state.find("[role='status']"), text);
}

// Of a chat, what the lanes have said to a prompt, once all have, every ten seconds at most; and that one broke.
export function announceChat(state) {
  if (state.notice) setText(state.find("[role='status']"), state.notice);
  if (state.latest.recorded || state.at !== null) return;
  const { lanes } = state.history;
  const endings = lanes.map((lane) => `${lane.reason}/${lane.broke}`).join();
  const now = performance.now();
  const all = lanes.every((lane) => !lane.saying && lane.turns.length);
  if (endings === state.endings && (!all || now - state.announced < ANNOUNCE_EVERY)) return;
  Object.assign(state, { endings, announced: now });
  const told = lanes.map((lane) => {
    const broke = lane.broke === null ? "" : fill(page.words.chat_broke, { turn: countText(lane.broke + 1) });
    return [`${laneName(lane)}: ${lane.turns.at(-1)?.answer ?? ""}`, broke].filter(Boolean).join(" ");
  });
  setText(state.find("[role='status']"), told.join(" "));
}

// A screen reader hears what the lanes say once all have done.
export function announceSaid(state, asked) {
  const { lanes } = state.latest;
  if (!asked?.id || asked.announced || !lanes.every(({ said }) => said?.id === asked.id && said.done)) return;
  asked.announced = true;
  setText(state.find("[role='status']"), lanes.map((lane) => `${laneName(lane)}: ${saidText(lane.said)}`).join(" "));
}
