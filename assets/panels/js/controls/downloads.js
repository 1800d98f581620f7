// The run on show as files: its curves as CSV, all of it as a recording (JSON) and as a page that replays it (HTML), its
// charts as PNG and SVG. What a run was set to, and with which versions it was made, goes along.

import { tableOf, recordingOf } from "../data/any.js";
import { page } from "../data/page.js";
import { chartPictures } from "./pictures.js";
import { complete, notify } from "./shown.js";

function fileName(history, ending) {
  return `streamingllm-${history.header?.model ?? "run"}-seed${history.header?.seed ?? history.header?.settings?.seed ?? 0}.${ending}`.replace(/[^\w.-]/g, "_");
}

function download(content, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function fetchText(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(answer.status);
  return answer.text();
}

// Without "<" nothing in a run can be taken for markup, and no "</script" ends a script before its end.
async function runPage(history) {
  const [shell, plotly] = await Promise.all([page.shell.url, page.plotly].map(fetchText));
  const [before, between, after] = shell.split(page.shell.place);
  const run = recordingOf(history).replaceAll("<", "\\u003c");
  return [before, run, between, plotly.replaceAll("</script", "<\\/script"), after].join("");
}

async function saveCharts(state, format) {
  for (const { name, content } of await chartPictures(state, format)) {
    download(content, PICTURES[format], fileName(state.history, `${name}.${format}`));
  }
}

const PICTURES = { svg: "image/svg+xml", png: "image/png" };
const SAVED = {
  csv: ["text/csv", tableOf],
  json: ["application/json", recordingOf],
  html: ["text/html", runPage],
};

export async function save(state, format) {
  if (!state.latest) return;
  if (PICTURES[format]) return saveCharts(state, format);
  const [type, write] = SAVED[format];
  if (format !== "csv" && !(await complete(state))) return;
  try {
    download(await write(state.latest), type, fileName(state.latest, format));
  } catch {
    notify(state, page.words.not_fetched);
  }
}
