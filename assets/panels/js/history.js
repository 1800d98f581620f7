// What is known of a run so far. A frame carries the tail of each list with the absolute index of its
// first item, so that a frame lost on the way loses nothing.

const TEXT_KEPT = 1200;

function newHistory(frame) {
  return { run: frame.run, seq: -1, header: frame.header ?? null, recorded: frame.recorded, rss: [], lanes: [] };
}

function newLane() {
  return { curve: [], textFrom: 0, text: [], answers: [] };
}

// Write `items` into `list` from absolute index `from` on; a gap stays empty and is skipped when drawn.
function mergeTail(list, from, items) {
  for (let i = 0; i < items.length; i += 1) list[from + i] = items[i];
}

function mergeText(lane, from, pieces) {
  if (from > lane.textFrom + lane.text.length || from < lane.textFrom) {
    lane.textFrom = from;
    lane.text = [];
  }
  lane.text.length = from - lane.textFrom;
  lane.text.push(...pieces);
  const excess = lane.text.length - TEXT_KEPT;
  if (excess > 0) {
    lane.text.splice(0, excess);
    lane.textFrom += excess;
  }
}

function mergeLane(lane, frame) {
  const { curve, text, answers, ...now } = frame;
  Object.assign(lane, now);
  mergeTail(lane.curve, curve.from, curve.points);
  mergeText(lane, text.from, text.pieces);
  mergeTail(lane.answers, answers.from, answers.items);
}

function mergeFrame(history, frame) {
  if (frame.seq <= history.seq) return history;
  history.seq = frame.seq;
  history.state = frame.state;
  history.seconds = frame.seconds;
  history.header = frame.header ?? history.header;
  frame.lanes.forEach((now, i) => mergeLane((history.lanes[i] ??= newLane()), now));
  mergeTail(history.rss, frame.rss.from, frame.rss.points);
  return history;
}

function mostTokens(history) {
  return Math.max(0, ...history.lanes.map((lane) => lane.tokens));
}
