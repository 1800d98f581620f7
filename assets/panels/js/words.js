// Words and numbers. Every sentence of the panel is a template from page.words, filled here.

function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}

// A format is made once: making one takes a hundred times as long as using it.
const FORMATS = [0, 1, 2].map((digits) => new Intl.NumberFormat(page.words.locale, {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
}));

function countText(number) {
  return FORMATS[0].format(number);
}

function decimalText(number, digits) {
  return FORMATS[digits].format(number);
}

function perplexityText(value) {
  if (value === null || value === undefined) return "–";
  if (value < 100) return decimalText(value, 1);
  if (value < 1e7) return countText(value);
  const power = Math.floor(Math.log10(value));
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return `${decimalText(value / 10 ** power, 1)} × 10${[...String(power)].map((d) => digits[d]).join("")}`;
}

// Decimal units throughout: 1 MB is 1,000,000 bytes.
function bytesText(bytes) {
  if (bytes >= 1e9) return `${decimalText(bytes / 1e9, 2)} GB`;
  if (bytes >= 1e8) return `${countText(bytes / 1e6)} MB`;
  return `${decimalText(bytes / 1e6, bytes < 1e6 ? 2 : 1)} MB`;
}

function speedText(tokensPerSecond) {
  return tokensPerSecond < 100 ? decimalText(tokensPerSecond, 1) : countText(tokensPerSecond);
}

function laneName(lane) {
  return page.words.lane_names[lane.kind] ?? lane.label;
}

function lanePolicy(lane) {
  const template = page.words.lane_policies[lane.kind];
  return template ? fill(template, { sinks: lane.sinks, recent: countText(lane.recent) }) : lane.label;
}

// Markup carries no words: data-word names the text of an element, data-word-label its accessible name.
function putWords(root) {
  for (const node of root.querySelectorAll("[data-word]")) node.textContent = page.words[node.dataset.word];
  for (const node of root.querySelectorAll("[data-word-label]")) {
    node.setAttribute("aria-label", page.words[node.dataset.wordLabel]);
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
