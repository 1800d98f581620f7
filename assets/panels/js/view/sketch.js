// A figure drawn as SVG, without Plotly: its lines, its marks, its labels and a few numbers on its axes, at the same places.

const SVG = "http://www.w3.org/2000/svg";
const TICKS = 4;

function node(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

// From values to pixels; a logarithmic axis has its range in powers of ten, as Plotly has it.
export function scales(plot, { margin, xaxis, yaxis }) {
  const [wide, high] = [plot.wide - margin.l - margin.r, plot.high - margin.t - margin.b];
  const part = ([low, top], value) => (value - low) / (top - low);
  const height = (value) => (yaxis.type === "log" ? Math.log10(value) : value);
  return {
    wide, high,
    x: (value) => margin.l + wide * part(xaxis.range, value),
    y: (value) => margin.t + high * (1 - part(yaxis.range, height(value))),
    paperX: (share) => margin.l + wide * share,
    paperY: (share) => margin.t + high * (1 - share),
  };
}

function roundStep(most) {
  const unit = 10 ** Math.floor(Math.log10(most / TICKS));
  return unit * [1, 2, 5, 10].find((times) => unit * times >= most / TICKS);
}

function ticksOf({ type, range: [low, top], dtick }) {
  const step = type === "log" ? dtick : roundStep(top - low);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= top + step / 1000; at += step) ticks.push(type === "log" ? 10 ** at : at);
  return ticks;
}

function tickText(value, suffix = "") {
  const short = value >= 1e6 ? `${value / 1e6}M` : value >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(3)));
  return short + suffix;
}

function axes(at, { margin, xaxis, yaxis, font }) {
  const label = { fill: font.color, "font-size": font.size };
  const marks = ticksOf(yaxis).flatMap((value) => [
    node("path", { d: `M${margin.l} ${at.y(value)}h${at.wide}`, stroke: yaxis.gridcolor }),
    node("text", { ...label, x: margin.l - 6, y: at.y(value) + font.size / 3, "text-anchor": "end" }, tickText(value, yaxis.ticksuffix)),
  ]);
  const below = at.paperY(0);
  for (const value of ticksOf(xaxis)) {
    marks.push(node("text", { ...label, x: at.x(value), y: below + 1.4 * font.size, "text-anchor": "middle" }, tickText(value)));
  }
  marks.push(node("text", { ...label, x: at.paperX(0.5), y: below + 2.9 * font.size, "text-anchor": "middle" }, xaxis.title.text));
  return marks;
}

function curve(at, { x, y, line }) {
  const points = x.map((value, i) => `${at.x(value).toFixed(1)} ${at.y(y[i]).toFixed(1)}`);
  const dashes = line.dash === "solid" ? "none" : line.dash.replaceAll("px", "");
  return node("path", {
    d: points.length ? `M${points.join("L")}` : "", fill: "none", stroke: line.color, "stroke-width": line.width,
    "stroke-dasharray": dashes, "stroke-linejoin": "round",
  });
}

function straight(at, { xref, x0, x1, yref, y0, y1, line }) {
  const place = (ref, paper, data) => (ref === "paper" ? paper : data);
  const [x, y] = [place(xref, at.paperX, at.x), place(yref, at.paperY, at.y)];
  const dashes = line.dash.replaceAll("px", "");
  return node("path", { d: `M${x(x0)} ${y(y0)}L${x(x1)} ${y(y1)}`, stroke: line.color, "stroke-width": line.width, "stroke-dasharray": dashes });
}

const ANCHORS = { left: "start", center: "middle", right: "end" };
const RISES = { bottom: -0.3, middle: 0.35, top: 1 }; // of the type, from the place of a label to its first baseline

function label(at, { xref, x, xanchor, xshift = 0, yref, y, yanchor, yshift = 0, text, font }, base) {
  const left = (xref === "paper" ? at.paperX(x) : at.x(x)) + xshift;
  const size = font.size ?? base.size;
  const lines = text.split("<br>");
  const first = (yref === "paper" ? at.paperY(y) : at.y(y)) - yshift + RISES[yanchor] * size - (yanchor === "middle" ? (lines.length - 1) * 0.65 * size : 0);
  const shown = node("text", { fill: font.color ?? base.color, "font-size": size, "text-anchor": ANCHORS[xanchor] });
  lines.forEach((line, i) => {
    const plain = line.replace(/<\/?b>/g, "");
    shown.append(node("tspan", { x: left, y: first + i * 1.3 * size, "font-weight": plain === line ? 400 : 700 }, plain));
  });
  return shown;
}

// `plot` knows its size: `wide` and `high`, in pixels.
export function sketch(plot, traces, layout) {
  if (!(plot.wide > 0 && plot.high > 0)) return;
  const at = scales(plot, layout);
  const drawing = node("svg", { viewBox: `0 0 ${plot.wide} ${plot.high}`, width: plot.wide, height: plot.high, "font-family": layout.font.family, "aria-hidden": "true" });
  drawing.append(
    ...axes(at, layout), ...layout.shapes.map((shape) => straight(at, shape)),
    ...traces.map((trace) => curve(at, trace)), ...layout.annotations.map((one) => label(at, one, layout.font)),
  );
  plot.replaceChildren(drawing);
}
