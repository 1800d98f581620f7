// Recordings, in the format that docs/recording-format.md describes: read into a history, and written from one.

import { mergeFrame, newHistory } from "./history.js";
import { frameAt, recordOf } from "./past.js";
import { OPENING } from "./tiles.js";

// What the page showed at that moment of the run; null is the present.
export function historyAt(history, seconds) {
  if (seconds === null) return history;
  const frame = frameAt(recordOf(history), seconds);
  const { preset, seq } = history;
  const then = Object.assign(mergeFrame(newHistory(frame), frame), { preset, seq: `${seq}@${seconds}` });
  then.lanes.forEach((lane, i) => (lane.opening = history.lanes[i].opening));
  return then;
}

const LANE_NUMBERS = [
  "tokens", "status", "reason", "message", "kv_bytes", "kv_allocated_bytes", "cache_tokens", "seconds",
  "tokens_per_second", "ms_per_token", "perplexity", "perplexity_total",
];

// A recording as `recordOf` gives a run.
export function readRecording({ header, moments, rss, lanes }, run) {
  return {
    run, header, recorded: true, rss,
    moments: moments.map(([seconds, state, rss_bytes]) => ({ seconds, state, rss_bytes })),
    lanes: lanes.map(({ shares, ...lane }) => ({
      ...lane, moments: lane.moments.map((row, i) => numbersOf(row, shareAt(shares, moments[i][0]))),
    })),
  };
}

// Recordings keep nothing of what visitors asked.
function numbersOf(row, sink_share) {
  const numbers = Object.fromEntries(LANE_NUMBERS.map((name, i) => [name, row[i]]));
  return { ...numbers, said: null, told: [], sink_share, attention: null };
}

// The last one that was known then.
function shareAt(shares, seconds) {
  const [, tokens, layers] = shares.findLast(([at]) => at <= seconds) ?? [0, 0, []];
  return layers.length ? { tokens, layers } : null;
}

// Where it changes, as a recording has it; at first nothing is known.
function sharesOf(numbers, moments) {
  let known = null;
  const changes = numbers.map(({ sink_share: share = null }, i) => {
    const same = JSON.stringify(share) === JSON.stringify(known);
    known = share;
    return same ? null : [moments[i].seconds, share?.tokens ?? 0, share?.layers ?? []];
  });
  return changes.filter(Boolean);
}

function openingOf({ texts: [first] }) {
  return first?.from === 0 ? first.pieces.slice(0, OPENING) : [];
}

// The whole of a recorded run, standing at its last moment.
export function historyOf(record) {
  const frame = frameAt(record, record.moments.at(-1).seconds);
  const history = mergeFrame(newHistory(frame), frame);
  history.lanes.forEach((lane, i) => (lane.opening = openingOf(record.lanes[i])));
  const lanes = record.lanes.map(({ moments, texts }) => ({ moments, texts, told: 0 }));
  return Object.assign(history, { past: { moments: record.moments, lanes }, complete: true });
}

const CSV_COLUMNS = ["lane", "tokens", "perplexity", "kv_bytes", "ms_per_token", "seconds"];

export function runCsv(history) {
  const rows = history.lanes.flatMap((lane) => lane.curve.map((point) => [lane.label, ...point]));
  const about = Object.entries(history.header ?? {}).map(([name, value]) => `# ${name}: ${JSON.stringify(value)}`);
  return [...about, ...[CSV_COLUMNS, ...rows].map((row) => row.join(","))].join("\n") + "\n";
}

// A run as the text of a recording's file: what was said to its end, and nothing that only the page knows.
export function recordingText(history) {
  const { header, moments, rss, lanes } = recordOf(history);
  return JSON.stringify({
    format: "streaming-comparison", version: 2, header,
    moments: moments.map(({ seconds, state, rss_bytes }) => [seconds, state, rss_bytes]),
    rss,
    lanes: lanes.map((lane) => ({
      ...lane,
      moments: lane.moments.map((numbers) => LANE_NUMBERS.map((name) => numbers[name])),
      answers: lane.answers.filter((answer) => answer.done),
      shares: sharesOf(lane.moments, moments),
    })),
  });
}
