// The panel: paints the run that its host begins with at once, then follows the frames that come.

import { mergeRun, newRun, runAt } from "../data/any.js";
import { isDialogue } from "../data/dialogue.js";
import { page } from "../data/page.js";
import { OWN, isComplete } from "../data/phase.js";
import { ANNOUNCE_EVERY, announce, announceChat } from "../view/announce.js";
import { bindCharts, drawCaptions, drawCharts, wantPlotly } from "../view/charts.js";
import { chatPulse, drawChats } from "../view/chat/cards.js";
import { drawSampling } from "../view/chat/sampling.js";
import { drawChips } from "../view/chips.js";
import { buildCosts } from "../view/costs.js";
import { part } from "../view/dom.js";
import { bindJudged, drawJudged } from "../view/judged.js";
import { drawLanes } from "../view/lanes.js";
import { watchLook } from "../view/look.js";
import { drawPulse } from "../view/pulse.js";
import { buildQuestions, drawQuestions } from "../view/questions.js";
import { drawNothing } from "../view/chat/nothing.js";
import { drawLoading, drawSource } from "../view/source.js";
import { followAddress } from "../controls/address.js";
import { EXAMPLES_STAY, buildAsk, drawAsk, drawReplies } from "../controls/ask.js";
import { bindConnection, heard } from "../server/connection.js";
import { bindExpected } from "../controls/expected.js";
import { bindLive, drawSinks } from "../controls/live.js";
import { beginMode, bindMode, followRun } from "../controls/mode.js";
import { noteMoments } from "../controls/moments.js";
import { bindOwn, drawOwn } from "../controls/own.js";
import { bindPlayer, drawPlayer } from "../controls/player.js";
import { begun, bindPresence } from "../server/presence.js";
import { drawControls } from "../controls/commands.js";
import { show } from "../controls/shown.js";
import { bindControls } from "../controls/tools.js";
import { beginStory } from "../controls/story.js";
import { drawTour } from "../controls/tour.js";
import { acceptLoading, acceptQueued } from "../server/waiting.js";

const STORY_AFTER = 800; // ms: first the page stands still, so that it can be read

export function accept(state, text) {
  if (!text) return;
  const frame = JSON.parse(text);
  if (!frame.recorded) heard(state, frame); // a sign of life
  if (frame.state === "loading") {
    acceptLoading(state, frame);
    return;
  }
  if (frame.state === "queued") {
    acceptQueued(state, frame);
    return;
  }
  const known = state.told?.run === frame.run;
  if (!known && state.past.has(frame.run)) return;
  if (!known) {
    state.past.add(frame.run);
    state.told = Object.assign(newRun(frame), { preset: state.preset, name: frame.recorded ? page.painted : OWN });
    state.starting = false;
    state.loading = null;
    show(state, state.told);
    followRun(state);
  }
  mergeRun(state.told, frame);
  if (!known && !frame.recorded) {
    wantPlotly(state);
    begun(state);
  }
  noteMoments(state);
  state.draw();
}

// A moment that was shown stays as it was while the run goes on.
function momentOnShow({ latest, at, history }) {
  const place = `${latest?.run}@${at}`;
  if (at === null || !isComplete(latest)) return latest;
  return history?.place === place ? history : Object.assign(runAt(latest, at), { place });
}

function render(state) {
  state.history = momentOnShow(state);
  drawControls(state);
  if (state.history && !state.loading) drawSource(state);
  if (!state.history) drawNothing(state);
  drawLoading(state);
  drawPlayer(state);
  drawAsk(state);
  if (!state.alone) drawOwn(state);
  if (!state.history) return;
  if (isDialogue(state.history)) drawDialogue(state);
  else drawReading(state);
  drawChips(state);
  drawCaptions(state);
  drawCharts(state);
  if (!isDialogue(state.history)) drawTour(state);
}

function drawDialogue(state) {
  drawChats(state);
  drawPulse(state, chatPulse);
  drawSampling(state);
  announceChat(state);
}

function drawReading(state) {
  drawLanes(state);
  if (!state.alone) drawSinks(state);
  drawJudged(state);
  drawPulse(state);
  drawReplies(state);
  drawQuestions(state);
  announce(state);
}

// `told` is the run that frames tell, `latest` the run on show, which may be a recording, and `history` the moment of it.
function newState(root, { trigger, server, alone = false }) {
  const state = {
    root, trigger, server, alone, told: null, latest: null, history: null, at: null, playing: null, speed: 1,
    runs: new Map(), notice: "", past: new Set(), starting: false, loading: null, preset: null,
    mode: "read", chats: [], chatsOf: null, lanes: [], hidden: new Set(), zoom: null, look: null, stale: false, inRound: false, rested: 0,
    asked: null, examples: [], examplesOf: null, examplesAt: -EXAMPLES_STAY, endings: "", announced: -ANNOUNCE_EVERY, waiting: false,
    caption: null, flash: null, halts: false, away: null, expected: "", expecting: 0, follows: false, quietly: false, fitting: false, counting: 0, turn: null, plotly: null, token: null, form: null, heardAt: 0, lookedAt: 0, broken: false, lost: false, resuming: false, takingUp: false,
    find: (selector) => state.root.querySelector(selector),
  };
  state.draw = () => {
    if (state.waiting) return;
    state.waiting = true;
    requestAnimationFrame(() => {
      state.waiting = false;
      render(state);
    });
  };
  return state;
}

// The document's language and title are the page's own.
export function nameDocument() {
  document.documentElement.lang = page.words.language;
  document.title = page.words.title;
}

// A host is what the panel stands in: `follow` begins to tell the state what to show; the commands `trigger` and
// `server` are Gradio's; in a page that stands alone there are none.
export function mount(root, host) {
  nameDocument();
  root.querySelector("[data-place='top']").append(part("top"));
  root.querySelector("[data-place='rest']").append(part("rest"));
  root.classList.add("sl");
  root.classList.toggle("sl-alone", Boolean(host.alone));
  const state = newState(root, host);
  bindControls(state);
  bindPlayer(state);
  bindMode(state);
  bindJudged(state);
  bindCharts(state);
  if (!host.alone) bindOwn(state);
  if (!host.alone) bindPresence(state);
  if (!host.alone) bindConnection(state);
  if (!host.alone) bindLive(state);
  if (!host.alone) bindExpected(state);
  buildCosts(state);
  buildQuestions(state);
  buildAsk(state);
  watchLook(state);
  host.follow(state);
  beginMode(state);
  render(state);
  if (!host.alone) followAddress(state);
  if (!host.alone) setTimeout(() => beginStory(state), STORY_AFTER);
  return state;
}
