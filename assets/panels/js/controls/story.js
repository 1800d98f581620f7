// The recorded run plays by itself, as a captioned loop, until the visitor takes the page in hand. Who wants no motion
// has its end, with its caption, and a button that plays it.

import { isDialogue } from "../data/dialogue.js";
import { storyLasts, storyOf, tellAt } from "../data/story.js";
import { complete } from "./shown.js";

const TELL_EVERY = 100; // ms
const LONGEST_STEP = 1000; // ms: a page that was held up goes on from where it was

function isWanted(state) {
  return state.latest?.recorded && !isDialogue(state.latest) && !state.playing && !state.told?.started && !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export async function beginStory(state) {
  if (!isWanted(state) || !(await complete(state)) || !isWanted(state)) return;
  const story = storyOf(state.latest);
  state.playing = { story, lasts: storyLasts(story), told: 0, shown: performance.now(), text: "" };
  tellOn(state, state.playing);
}

function tellOn(state, playing) {
  if (state.playing !== playing) return;
  const now = performance.now();
  if (!document.hidden) playing.told = (playing.told + Math.min(now - playing.shown, LONGEST_STEP) / 1000) % playing.lasts;
  playing.shown = now;
  const { at, text } = tellAt(playing.story, playing.told);
  state.at = at >= state.latest.seconds ? null : at;
  playing.text = text;
  if (!document.hidden) state.draw();
  setTimeout(() => tellOn(state, playing), TELL_EVERY);
}
