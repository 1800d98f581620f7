// The run on show as files: its numbers as CSV and JSON, its charts as PNG and SVG.

const CSV_COLUMNS = ["lane", "tokens", "perplexity", "kv_bytes", "ms_per_token", "seconds"];

function runJson(history) {
  const { run, header, recorded, seconds, rss } = history;
  const lanes = history.lanes.map(({ text, textFrom, ...lane }) => lane);
  return JSON.stringify({ run, header, recorded, seconds, rss, lanes }, null, 1);
}

function runCsv(history) {
  const rows = history.lanes.flatMap((lane) => lane.curve.filter(Boolean).map((point) => [lane.label, ...point]));
  return [CSV_COLUMNS, ...rows].map((row) => row.join(",")).join("\n") + "\n";
}

function fileName(history, ending) {
  return `streamingllm-${history.header?.model ?? "run"}-seed${history.header?.seed ?? 0}.${ending}`.replace(/[^\w.-]/g, "_");
}

function download(text, type, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function saveCharts(state, format) {
  for (const figure of state.root.querySelectorAll("[data-chart]")) {
    const filename = fileName(state.history, figure.dataset.chart);
    const plot = figure.querySelector(".sl-plot");
    drawChart(state, figure.dataset.chart, plot);
    const size = { width: plot.clientWidth, height: plot.clientHeight, scale: 2 };
    await window.Plotly.downloadImage(plot, { format, filename, ...size });
  }
}

function save(state, format) {
  const { history } = state;
  if (!history) return;
  if (format === "csv") download(runCsv(history), "text/csv", fileName(history, "csv"));
  else if (format === "json") download(runJson(history), "application/json", fileName(history, "json"));
  else if (window.Plotly) saveCharts(state, format);
}
