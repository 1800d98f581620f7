// The charts as pictures, for a slide or a paper: each with its title, the run that it shows and where that comes from, in
// the page's own font.

import { isDialogue } from "../data/dialogue.js";
import { page } from "../data/page.js";
import { bytesText, dateText, fill } from "../data/words.js";
import { drawChart, wantPlotly } from "../view/charts.js";
import { readingText } from "../view/source.js";

const SHARPER = 2; // pixels of a PNG for one on the screen

function aboutText(history) {
  const { header, lanes } = history;
  const reading = isDialogue(history) ? page.words.modes.chat.toLowerCase() : readingText(header);
  return fill(page.words.picture_about, {
    model: header?.model ?? "", reading, lanes: lanes.map(({ label }) => label).join(", "),
    budget: bytesText(header?.kv_budget_bytes ?? header?.settings?.kv_budget_bytes ?? 0), date: dateText(header?.recorded_at, "long"), title: page.words.title,
  });
}

function picture(state, figure, plot) {
  const [name, about] = figure.querySelectorAll("figcaption > *");
  const { size, card, ink } = state.look;
  const { layout } = plot;
  const title = {
    text: `<b>${name.textContent}</b>  ${about.textContent}`, font: { color: ink, size: size.type + 3 },
    x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: size.type },
  };
  const below = {
    text: aboutText(state.history), font: { size: size.type - 2 }, showarrow: false, xref: "paper", x: 0, xanchor: "left",
    yref: "paper", y: 0, yanchor: "top", yshift: -layout.margin.b, xshift: -layout.margin.l + size.type,
  };
  const margin = { ...layout.margin, t: layout.margin.t + 3 * size.type, b: layout.margin.b + 2 * size.type };
  return { data: plot.data, layout: { ...layout, title, margin, annotations: [...layout.annotations, below], paper_bgcolor: card } };
}

function facesOf(sheet) {
  try {
    return [...sheet.cssRules].filter((rule) => rule instanceof CSSFontFaceRule);
  } catch {
    return []; // another site's
  }
}

async function dataUrl(address) {
  const reader = new FileReader();
  reader.readAsDataURL(await (await fetch(address)).blob());
  await new Promise((done) => reader.addEventListener("load", done));
  return reader.result;
}

// The page's font as a style of its own: a picture can ask for nothing.
async function fontStyle(family) {
  const faces = [...document.styleSheets].flatMap(facesOf).filter(({ style }) => family.includes(style.fontFamily.replaceAll("\"", "")));
  const byWeight = new Map(faces.map((rule) => [rule.style.fontWeight, rule]));
  const written = await Promise.all([...byWeight.values()].map(async ({ style, parentStyleSheet }) => {
    const [, address] = /url\("?([^")]+)/.exec(style.getPropertyValue("src"));
    const data = await dataUrl(new URL(address, parentStyleSheet.href ?? document.baseURI));
    return `@font-face{font-family:${style.fontFamily};font-weight:${style.fontWeight};src:url(${data})}`;
  }));
  return `<style>${written.join("")}</style>`;
}

async function rastered(svg, { width, height }) {
  const image = new Image(width, height);
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: SHARPER * width, height: SHARPER * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done));
}

// Every chart on the page: {name, content}.
export async function chartPictures(state, format) {
  await wantPlotly(state);
  const fonts = await fontStyle(state.look.fontFamily);
  const pictures = [];
  for (const figure of state.root.querySelectorAll("[data-chart]")) {
    const plot = figure.querySelector(".sl-plot");
    if (!plot.wide) continue; // of the other mode
    drawChart(state, figure.dataset.chart, plot);
    const size = { width: plot.clientWidth, height: plot.clientHeight + 5 * state.look.size.type };
    const drawn = await window.Plotly.toImage(picture(state, figure, plot), { format: "svg", ...size });
    const svg = decodeURIComponent(drawn.slice(drawn.indexOf(",") + 1)).replace(/<svg[^>]*>/, (start) => start + fonts);
    pictures.push({ name: figure.dataset.chart, content: format === "svg" ? svg : await rastered(svg, size) });
  }
  return pictures;
}
