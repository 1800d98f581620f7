// How the page looks now: colours, type and the sizes of the charts, read from the style only when they change.

const COLOURS = ["dense", "sinks", "window", "recompute", "ink", "muted", "line", "card"];

const NEARLY = "300px"; // a chart this close to the window is drawn, so that scrolling meets no old one

// Sizes in pixels follow the size of the page's type, which grows for a lecture.
function sizesFor(type) {
  return { type, letter: 0.47 * type, label: 3.2 * type, row: 1.35 * type, l: 4.8 * type, r: 9 * type, b: 3.8 * type };
}

function readLook(state) {
  const body = getComputedStyle(document.body);
  const { fontSize, fontFamily } = getComputedStyle(state.root);
  const colours = Object.fromEntries(COLOURS.map((name) => [name, body.getPropertyValue(`--${name}`).trim()]));
  state.look = { ...colours, fontFamily, size: sizesFor(parseFloat(fontSize) - 3) };
}

export function watchLook(state) {
  const changed = () => {
    readLook(state);
    state.draw();
  };
  readLook(state);
  window.addEventListener("resize", changed); // type follows the window in a lecture
  new MutationObserver(changed).observe(document.body, { attributeFilter: ["class"] });
  const boxes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) Object.assign(target, { wide: contentRect.width, high: contentRect.height });
    state.draw();
  });
  const views = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) target.seen = isIntersecting;
    state.draw();
  }, { rootMargin: NEARLY });
  for (const plot of state.root.querySelectorAll(".sl-plot")) {
    boxes.observe(plot);
    views.observe(plot);
  }
}
