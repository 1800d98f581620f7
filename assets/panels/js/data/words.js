// Words and numbers. Every sentence of the panel is a template from page.words, filled here.

import { page } from "./page.js";

export function clockText(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

export function dateText(iso, style) {
  return iso ? new Intl.DateTimeFormat(page.words.locale, { dateStyle: style }).format(new Date(iso)) : "";
}

export function fill(template, values) {
  return template.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}

// A format is made once: making one takes a hundred times as long as using it.
const FORMATS = [0, 1, 2].map((digits) => new Intl.NumberFormat(page.words.locale, {
  minimumFractionDigits: digits, maximumFractionDigits: digits,
}));

export function countText(number) {
  return FORMATS[0].format(number);
}

const PLURALS = new Intl.PluralRules(page.words.locale);

// A number with its noun; a language has a form for one, and for all others.
export function counted(noun, number) {
  const forms = page.words.nouns[noun];
  return fill(forms[PLURALS.select(number)] ?? forms.other, { count: countText(number) });
}

export function decimalText(number, digits) {
  return FORMATS[digits].format(number);
}

export function perplexityText(value) {
  if (value === null || value === undefined) return "–";
  if (value < 100) return decimalText(value, 1);
  if (value < 1e7) return countText(value);
  const power = Math.floor(Math.log10(value));
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return `${decimalText(value / 10 ** power, 1)} × 10${[...String(power)].map((d) => digits[d]).join("")}`;
}

// Decimal units throughout: 1 MB is 1,000,000 bytes.
export function bytesText(bytes) {
  if (bytes >= 1e9) return `${decimalText(bytes / 1e9, 2)} GB`;
  if (bytes >= 1e8) return `${countText(bytes / 1e6)} MB`;
  return `${decimalText(bytes / 1e6, bytes < 1e6 ? 2 : 1)} MB`;
}

export function speedText(tokensPerSecond) {
  return tokensPerSecond < 100 ? decimalText(tokensPerSecond, 1) : countText(tokensPerSecond);
}

export function laneName(lane) {
  return page.words.lane_names[lane.kind] ?? lane.label;
}

export function lanePolicy(lane) {
  const template = page.words.lane_policies[lane.kind];
  return template ? fill(template, { sinks: lane.sinks, recent: countText(lane.recent) }) : lane.label;
}
