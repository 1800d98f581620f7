// At most `limit` points of a curve, such that the lowest and the highest of every stretch survive.
// A stretch is a power of two long, so that its borders stay put while the curve grows.

export function thin(points, column, limit) {
  const kept = points.filter((point) => point[column] !== null);
  if (kept.length <= limit) return kept;
  const stretch = 2 ** Math.ceil(Math.log2(kept.length / (limit / 2 - 1)));
  const drawn = [];
  for (let start = 0; start < kept.length; start += stretch) {
    drawn.push(...extremes(kept.slice(start, start + stretch), [column]));
  }
  const last = kept[kept.length - 1];
  if (drawn[drawn.length - 1] !== last) drawn.push(last);
  return drawn;
}

// The lowest and the highest point in each of the columns, in their order.
function extremes(points, columns) {
  const found = new Set(columns.flatMap((column) => lowestAndHighest(points, column)));
  return [...found].sort((a, b) => a - b).map((i) => points[i]);
}

function lowestAndHighest(points, column) {
  const there = [...points.keys()].filter((i) => points[i][column] !== null);
  if (!there.length) return [];
  let [low] = there;
  let [high] = there;
  for (const i of there) {
    if (points[i][column] < points[low][column]) low = i;
    if (points[i][column] > points[high][column]) high = i;
  }
  return [low, high];
}

const POINTS_KEPT = 8000; // of a curve, before it is shortened
const POINTS_WHOLE = 2000; // at its beginning, where the turning points lie that verdicts quote
const POINTS_AFTER = 3000; // of the rest, once it is shortened

// A run may go on for millions of tokens: of every stretch of a long curve stay the points that are lowest or highest
// in a column. A stretch is a power of two tokens long, so that shortening again takes two stretches for one.
export function shorten(points, columns) {
  if (points.length <= POINTS_KEPT) return points;
  const rest = points.slice(POINTS_WHOLE);
  const [first, last] = [rest[0][0], rest[rest.length - 1][0]];
  const stretch = 2 ** Math.ceil(Math.log2(((last - first + 1) * 2 * columns.length) / POINTS_AFTER));
  const kept = points.slice(0, POINTS_WHOLE);
  for (let start = 0, end = 0; start < rest.length; start = end) {
    const number = Math.floor(rest[start][0] / stretch);
    while (end < rest.length && Math.floor(rest[end][0] / stretch) === number) end += 1;
    kept.push(...extremes(rest.slice(start, end), columns));
  }
  return kept;
}

// The points that a zoomed axis shows, with one neighbour on either side.
export function within(points, range) {
  if (!range) return points;
  const inside = (point) => point[0] >= range[0] && point[0] <= range[1];
  const first = points.findIndex(inside);
  if (first < 0) return [];
  let last = points.length - 1;
  while (!inside(points[last])) last -= 1;
  return points.slice(Math.max(0, first - 1), last + 2);
}
