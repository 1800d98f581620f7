// What a run was like at an earlier moment. `history.past` keeps the numbers and the text of its frames, fewer the
// longer the run; curves, answers and events carry times of their own. Between two measurements stands the earlier.

export const TEXT_KEPT = 1200;

const MOMENTS_KEPT = 384; // at least, once there were so many; twice as many at most
const TEXT_OF_MOMENT = 96; // tokens kept of each, at most

export function newPast() {
  return { moments: [], lanes: [] };
}

export function notePast(past, frame) {
  const { version, run, seq, recorded, header, rss, lanes, ...moment } = frame;
  const place = past.moments.at(-1)?.seconds === moment.seconds ? past.moments.length - 1 : past.moments.length;
  past.moments[place] = moment; // in a pause time stands still
  lanes.forEach((lane, i) => noteLane((past.lanes[i] ??= { moments: [], texts: [], told: 0 }), lane, moment, place));
  if (past.moments.length <= 2 * MOMENTS_KEPT) return;
  past.moments = everyOther(past.moments);
  for (const lane of past.lanes) lane.moments = everyOther(lane.moments);
}

// What a frame leaves out is as it was.
function noteLane(past, frame, { seconds }, place) {
  const { curve, text, answers, events, said, told, attention, ...numbers } = frame;
  past.moments[place] = { ...past.moments.at(-1), ...numbers };
  noteText(past, text, seconds);
}

// Each token once, at the moment that told it.
function noteText(past, { from, pieces }, seconds) {
  const end = from + pieces.length;
  const fresh = pieces.slice(Math.max(0, past.told - from)).slice(-TEXT_OF_MOMENT);
  past.told = Math.max(past.told, end);
  if (!fresh.length) return;
  past.texts.push({ seconds, from: end - fresh.length, pieces: fresh });
  if (past.texts.length > 2 * MOMENTS_KEPT) past.texts = inPairs(past.texts);
}

function everyOther(list) {
  return list.filter((_, i) => i % 2 === 0 || i === list.length - 1);
}

function inPairs(texts) {
  const pairs = [];
  for (let i = 0; i < texts.length; i += 2) pairs.push(texts[i + 1] ? joinTexts(texts[i], texts[i + 1]) : texts[i]);
  return pairs;
}

function joinTexts(earlier, later) {
  const goesOn = earlier.from + earlier.pieces.length === later.from;
  const pieces = (goesOn ? [...earlier.pieces, ...later.pieces] : later.pieces).slice(-TEXT_OF_MOMENT);
  return { seconds: later.seconds, from: later.from + later.pieces.length - pieces.length, pieces };
}

// The last text known then, with the texts before it as far as each goes on to the next without a gap.
function textAt(texts, seconds) {
  const known = texts.filter((text) => text.seconds <= seconds);
  let { from, pieces } = known.pop() ?? { from: 0, pieces: [] };
  while (known.length && pieces.length < TEXT_KEPT) {
    const earlier = known.pop();
    if (earlier.from >= from || earlier.from + earlier.pieces.length < from) break;
    pieces = [...earlier.pieces.slice(0, from - earlier.from), ...pieces];
    from = earlier.from;
  }
  const shown = pieces.slice(-TEXT_KEPT);
  return { from: from + pieces.length - shown.length, pieces: shown };
}

// All that is kept of a run, in one shape whether it was recorded or is going on.
export function recordOf(history) {
  const { run, header, recorded, rss, past } = history;
  const lanes = history.lanes.map(({ label, kind, sinks, recent, curve, answers, events }, i) => {
    const { moments, texts } = past.lanes[i];
    return { label, kind, sinks, recent, moments, texts, events, curve: curve.filter(Boolean), answers: answers.filter(Boolean) };
  });
  return { run, header, recorded, moments: past.moments, rss: rss.filter(Boolean), lanes };
}

// The frame of that moment, with everything before it. The same as comparisons/recordings/player.py makes.
export function frameAt(record, seconds) {
  const place = Math.max(0, record.moments.findLastIndex((moment) => moment.seconds <= seconds));
  return {
    ...record.moments[place], version: 1, run: record.run, seq: 0, seconds, recorded: record.recorded, header: record.header,
    rss: { from: 0, points: record.rss.filter((point) => point[2] <= seconds) },
    lanes: record.lanes.map((lane) => laneAt(lane, place, seconds, record.header)),
  };
}

function laneAt(lane, place, seconds, header) {
  const { label, kind, sinks, recent } = lane;
  const happened = (thing) => thing.seconds <= seconds;
  const points = lane.curve.filter((point) => point[4] <= seconds);
  const [answers, events] = [lane.answers.filter(happened), lane.events.filter(happened)];
  const judged = answers.filter(({ right }) => right === true || right === false);
  const sinks_event = events.findLast((event) => event.kind === "sinks-aside" || event.kind === "sinks-back");
  return {
    label, kind, sinks, recent, ...numbersAt(lane.moments[place], points.at(-1), header),
    curve: { from: 0, points }, text: textAt(lane.texts, seconds), answers: { from: 0, items: answers }, events,
    judged: { asked: judged.length, right: judged.filter(({ right }) => right).length },
    sinks_aside: sinks_event?.kind === "sinks-aside",
  };
}

// Those of the last moment, or of the curve's last point where that is later: all measured.
function numbersAt(numbers, point, header) {
  if (!point || point[0] <= numbers.tokens) return numbers;
  const [tokens, perplexity, kv_bytes, ms_per_token, seconds] = point;
  const cache_tokens = Math.floor(kv_bytes / Math.max(1, header?.bytes_per_token ?? 0));
  return { ...numbers, tokens, perplexity, kv_bytes, ms_per_token, seconds, cache_tokens };
}
