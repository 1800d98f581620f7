// A chat: what is known of it so far, what it was like at an earlier moment, and the same as a recording's file. Turns come
// with absolute indices, so that a frame that is lost on the way loses nothing.

const NUMBERS = ["tokens", "kv_bytes", "cache_tokens"];
const JUDGED_AFTER = 3; // turns in a row that comparisons/runs/dialogue/breaking.py looks at before it says that a lane broke

export function isDialogue(history) {
  return history?.kind === "dialogue";
}

export function newDialogue({ run, header = null, recorded }) {
  return { kind: "dialogue", run, seq: -1, header, recorded, lanes: [], complete: true };
}

export function mergeDialogue(history, frame) {
  if (frame.seq <= history.seq) return history;
  const { seq, state, seconds, header = history.header } = frame;
  Object.assign(history, { seq, state, seconds, header });
  frame.lanes.forEach(({ turns, ...now }, i) => {
    const lane = (history.lanes[i] ??= { turns: [] });
    Object.assign(lane, now);
    turns.items.forEach((turn, k) => { lane.turns[turns.from + k] = turn; });
  });
  return history;
}

// An answer that was being given appears evenly over the time that it took: its beginning and its end are measured.
function sayingAt(turn, seconds) {
  if (!turn || turn.began > seconds) return null;
  const first = turn.began + turn.first_token_ms / 1000;
  const share = Math.max(0, Math.min(1, (seconds - first) / Math.max(turn.seconds - first, 0.001)));
  return {
    turn: turn.turn, kind: turn.kind, message: turn.message, answer: turn.answer.slice(0, Math.round(share * turn.answer.length)),
    tokens: Math.round(share * turn.answer_tokens), first_token_ms: seconds < first ? null : turn.first_token_ms,
    ms_per_token: seconds < first ? null : turn.ms_per_token,
  };
}

function laneAt(lane, seconds, end) {
  const turns = lane.turns.filter((turn) => turn.seconds <= seconds);
  const last = turns.at(-1);
  const saying = sayingAt(lane.turns[turns.length], seconds);
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, last?.[name] ?? 0]));
  const isOver = seconds >= end;
  const known = turns.at(-JUDGED_AFTER)?.turn ?? -1;
  return {
    ...lane, ...numbers, turns, done: turns.length, saying, broke: lane.broke !== null && lane.broke <= known ? lane.broke : null,
    status: isOver ? lane.status : saying ? "answering" : "waiting", reason: isOver ? lane.reason : null, message: isOver ? lane.message : "",
  };
}

export function dialogueAt(history, seconds) {
  const end = Math.max(0, ...history.lanes.flatMap((lane) => lane.turns.at(-1)?.seconds ?? 0));
  const lanes = history.lanes.map((lane) => laneAt(lane, seconds, end));
  return { ...history, seconds, lanes, seq: `${history.seq}@${seconds}` };
}

// The whole of a recorded chat, standing at its end.
export function dialogueOf({ header, lanes }, run) {
  const history = {
    kind: "dialogue", run, seq: 0, header, recorded: true, complete: true, state: "finished",
    seconds: Math.max(0, ...lanes.flatMap((lane) => lane.turns.at(-1)?.seconds ?? 0)),
  };
  const told = lanes.map(({ policy, ...lane }) => {
    const numbers = Object.fromEntries(NUMBERS.map((name) => [name, lane.turns.at(-1)?.[name] ?? 0]));
    return { ...lane, label: policy, heard: header.heard, done: lane.turns.length, saying: null, ...numbers };
  });
  return Object.assign(history, { lanes: told });
}

export function dialogueText({ header, lanes }) {
  return JSON.stringify({
    format: "streaming-dialogue", version: 1, header,
    lanes: lanes.map(({ label, kind, sinks, recent, status, reason, message, broke, turns }) => ({
      policy: label, kind, sinks, recent, status, reason, message, broke, turns,
    })),
  });
}

const COLUMNS = [
  "turn", "kind", "tokens", "perplexity", "perplexity_latest", "repetition", "repetition_latest", "first_token_ms", "ms_per_token",
  "kv_bytes", "cache_tokens", "right", "in_cache",
];

export function dialogueCsv({ header, lanes }) {
  const about = Object.entries(header ?? {}).map(([name, value]) => `# ${name}: ${JSON.stringify(value)}`);
  const rows = lanes.flatMap((lane) => lane.turns.map((turn) => [lane.label, ...COLUMNS.map((name) => turn[name] ?? "")]));
  return [...about, ...[["lane", ...COLUMNS], ...rows].map((row) => row.join(","))].join("\n") + "\n";
}

// What a lane says of itself: the answer that it is at, else its last one.
export function latestOf(lane) {
  const last = lane.turns.at(-1) ?? null;
  const { first_token_ms = null, ms_per_token = null } = lane.saying?.first_token_ms ? lane.saying : (last ?? {});
  const judged = lane.turns.filter((turn) => turn.right === true || turn.right === false);
  return {
    first_token_ms, ms_per_token: ms_per_token ?? last?.ms_per_token ?? null, perplexity: last?.perplexity_latest ?? null,
    repetition: last?.repetition_latest ?? null, judged: judged.length, right: judged.filter(({ right }) => right).length,
  };
}
