// One sentence per lane that follows from what was measured, and from nothing else; see outcomes.js.

import { outcome } from "./outcomes.js";
import { page } from "./page.js";
import { countText, decimalText, fill, laneName, perplexityText } from "./words.js";

const SLOWER = 2; // times the time of StreamingLLM: a lane that reads its window anew for every token says so
const DEAR = 2; // times the memory of the lane beside it: worth a word
const RECOVERS = 256; // tokens after which perplexity has forgotten what was before

// Where this lane left what it was trained on (dense) or began to forget (bounded lanes).
function turningPoint(lane) {
  const kind = lane.kind === "dense" ? "training-length" : "first-eviction";
  return lane.events.find((event) => event.kind === kind) ?? null;
}

// Where the visitor took its sinks away or gave them back, as long as that shows.
function sinksMoved(lane) {
  const last = lane.events.findLast(({ kind }) => kind === "sinks-aside" || kind === "sinks-back") ?? null;
  return lane.sinks_aside || (last && lane.tokens - last.at < RECOVERS) ? last : null;
}

const BREAKS = { dense: "verdict_left", window: "verdict_window" };
const PLAIN = { unknown: "verdict_unknown", same: "verdict_reading", waiting: "verdict_reading", worse: "verdict_worse" };

// The names of its sentences.
function wordsOf(lane, turn, { outcome: found, memory = 1, time = 1 }) {
  if (sinksMoved(lane)) return [lane.sinks_aside ? "verdict_aside" : "verdict_back"];
  if (found === "collapse" && turn) return [BREAKS[lane.kind] ?? "verdict_forgets"];
  if (found === "alone") return [turn ? "verdict_alone" : "verdict_reading"];
  if (lane.kind === "recompute" && time >= SLOWER && found !== "waiting") return ["verdict_slower"];
  if (PLAIN[found]) return [PLAIN[found]];
  if (lane.kind !== "dense") return [turn ? "verdict_still" : "verdict_reading"];
  const dear = memory < DEAR ? [] : [found === "better" ? "verdict_surer" : "verdict_dear"];
  if (dear.length && !turn) return dear;
  return [turn ? "verdict_past" : "verdict_reading", ...dear];
}

function timesText(times) {
  return decimalText(times ?? 1, times < 9.95 ? 1 : 0);
}

// What stands on the card, and whether the lane broke down: {text, broke}.
export function verdict(lane, history) {
  const { words } = page;
  if (lane.reason === "error") return { text: fill(words.errors.StreamError, { said: lane.message }), broke: true };
  if (!lane.tokens) return { text: words.verdict_waiting, broke: false };
  const [turn, known] = [turningPoint(lane), outcome(lane, history)];
  const facts = {
    at: countText((sinksMoved(lane) ?? turn)?.at ?? 0), now: perplexityText(lane.perplexity), tokens: countText(lane.tokens),
    times: timesText(known.memory), slower: timesText(known.time), beside: known.beside ? laneName(known.beside) : "",
    mine: perplexityText(known.mine), theirs: perplexityText(known.theirs),
  };
  const sentences = [...wordsOf(lane, turn, known).map((name) => words[name]), words.verdict_endings[lane.reason] ?? ""];
  const broke = (known.outcome === "collapse" && turn !== null) || Boolean(lane.sinks_aside);
  return { text: fill(sentences.filter(Boolean).join(" "), facts), broke };
}

// "Stopped" is for lanes that were stopped; one that read to the end of its run is done.
export function statusText(lane, { recorded }) {
  const { words } = page;
  const ending = words.endings[recorded && lane.reason === "seconds" ? "recorded" : lane.reason];
  return ending ?? words.statuses[lane.status] ?? lane.status;
}
