// At most `limit` points of a curve, such that the lowest and the highest of every stretch survive.
// A stretch is a power of two long, so that its borders stay put while the curve grows.

function thin(points, column, limit) {
  const kept = points.filter((point) => point && point[column] !== null);
  if (kept.length <= limit) return kept;
  const stretch = 2 ** Math.ceil(Math.log2(kept.length / (limit / 2 - 1)));
  const drawn = [];
  for (let start = 0; start < kept.length; start += stretch) {
    drawn.push(...extremes(kept.slice(start, start + stretch), column));
  }
  const last = kept[kept.length - 1];
  if (drawn[drawn.length - 1] !== last) drawn.push(last);
  return drawn;
}

function extremes(points, column) {
  let low = 0;
  let high = 0;
  points.forEach((point, i) => {
    if (point[column] < points[low][column]) low = i;
    if (point[column] > points[high][column]) high = i;
  });
  if (low === high) return [points[low]];
  return low < high ? [points[low], points[high]] : [points[high], points[low]];
}

// The points that a zoomed axis shows, with one neighbour on either side.
function within(points, range) {
  if (!range) return points;
  const inside = (point) => point && point[0] >= range[0] && point[0] <= range[1];
  const first = points.findIndex(inside);
  if (first < 0) return [];
  let last = points.length - 1;
  while (!inside(points[last])) last -= 1;
  return points.slice(Math.max(0, first - 1), last + 2);
}
