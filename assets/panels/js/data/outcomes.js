// What a run shows, in one word for each lane: lanes are compared with each other at the same token of the same text, never
// with themselves elsewhere, since another passage is harder or easier, whatever the cache. And where even the best lane
// knows next to nothing of the text, the comparison means nothing.

const COLLAPSE = 3; // times the perplexity of the lane beside it: what a lane says is no language any more
const WORSE = 1.25; // times that a reader would notice
const BLIND = 0.7; // of the nats of blind guessing among all tokens: from there on a model does not know a text
const KNOWN_AFTER = 64; // tokens: a lane's first ones are hard for every model
const NEAR = 64; // tokens: thinned curves have few points in common, and perplexity is that of the last 256 or so
const LATELY = 8; // points whose mean is the time per token

const vocabularyOf = (header) => header?.settings?.vocabulary ?? Infinity;

const isBlind = (perplexity, vocabulary) => Math.log(perplexity) > BLIND * Math.log(vocabulary);

const known = (point) => point[1] !== null;

// Tokens that a lane's cache holds; a dense one has no bound.
const cacheOf = (lane) => (lane.kind === "dense" ? Infinity : lane.sinks + lane.recent);

// The lane that it is measured against: StreamingLLM, and for that the first of the others.
export function besideOf(lane, lanes) {
  const ours = lanes.find((one) => one.kind === "sinks") ?? lanes.find((one) => one.kind !== "dense");
  return (lane === ours ? lanes.find((one) => one !== ours) : ours) ?? null;
}

// Whether the model was never at home in the text, in any lane.
export function isUnknown({ header, lanes }) {
  if (lanes.some((lane) => lane.tokens < KNOWN_AFTER)) return false;
  const best = Math.min(...lanes.flatMap((lane) => [...lane.curve.filter(known).map((point) => point[1]), lane.perplexity ?? Infinity]));
  return Number.isFinite(best) && isBlind(best, vocabularyOf(header));
}

// Where a curve has a point at a token, or shortly before; -1 where it has none.
function nearest(curve, token) {
  const place = curve.findLastIndex((point) => known(point) && point[0] <= token);
  return place >= 0 && token - curve[place][0] <= NEAR ? place : -1;
}

// Where the last point of one stands at which the other has one, too: its place in each curve.
function together(mine, theirs) {
  for (let i = mine.length - 1; i >= 0; i -= 1) {
    const j = known(mine[i]) ? nearest(theirs, mine[i][0]) : -1;
    if (j >= 0) return [i, j];
  }
  return null;
}

// The first point from `from` on at which a lane is broken down beside another; null where there is none.
export function breaks(lane, beside, from) {
  return lane.curve.find(([token, mine]) => {
    const theirs = token >= from && mine !== null ? nearest(beside.curve, token) : -1;
    return theirs >= 0 && mine / beside.curve[theirs][1] >= COLLAPSE;
  }) ?? null;
}

function timeAt(curve, place) {
  const times = curve.slice(Math.max(0, place + 1 - LATELY), place + 1).map((point) => point[3]);
  return times.reduce((sum, time) => sum + time, 0) / times.length;
}

function outcomeOf(times) {
  if (times >= COLLAPSE) return "collapse";
  if (times > WORSE) return "worse";
  return times < 1 / WORSE ? "better" : "as_good";
}

// One lane beside another: {outcome, tokens, mine, theirs, memory, time}, the last two as multiples of the other's.
export function compare(lane, beside) {
  const places = together(lane.curve, beside.curve);
  if (!places) return { outcome: "waiting", tokens: 0 };
  const [[tokens, mine, memory], [, theirs, theirMemory]] = [lane.curve[places[0]], beside.curve[places[1]]];
  const same = tokens <= Math.min(cacheOf(lane), cacheOf(beside)); // nothing has left a cache
  return {
    outcome: same ? "same" : outcomeOf(mine / theirs), tokens, mine, theirs, memory: memory / theirMemory,
    time: timeAt(lane.curve, places[0]) / timeAt(beside.curve, places[1]),
  };
}

// One lane of a run: what `compare` says, with the lane that it is beside (null where it is alone). One that knew its text
// and guesses now has broken down, whatever became of the others.
export function outcome(lane, history) {
  const beside = besideOf(lane, history.lanes);
  const found = beside ? compare(lane, beside) : { outcome: "alone", tokens: lane.tokens };
  if (isUnknown(history)) return { ...found, beside, outcome: "unknown" };
  const lost = lane.perplexity !== null && isBlind(lane.perplexity, vocabularyOf(history.header));
  return { ...found, beside, outcome: lost ? "collapse" : found.outcome };
}
