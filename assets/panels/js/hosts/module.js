// The panel in the app's page. It stands before Gradio does, painted from what the document brings along, and moves into
// Gradio's component once that is there; what a visitor presses until then waits for it.

import { arrived } from "../controls/address.js";
import { putInForm } from "../controls/mode.js";
import { followSystem, restoreTheme } from "../controls/theme.js";
import { accept, mount, nameDocument } from "./panel.js";

const FONTS_WITHIN = 1500; // ms
const FORM_WITHIN = 20000; // ms: whoever cannot be told their link's settings may start with the usual ones

const early = document.querySelector("#sl-early");
let meet;
const gradio = new Promise((resolve) => { meet = resolve; });
const restored = new Promise((resolve) => document.addEventListener("sl-restored", resolve, { once: true }));
const standing = early && begin(); // a page without a place for it is a test's

// Text in another font would wrap elsewhere, and all below it would move: the page's own is worth a moment.
function fontsHere() {
  const faces = ["400", "700"].map((weight) => document.fonts.load(`${weight} 16px "Source Sans Pro"`));
  return Promise.race([Promise.allSettled(faces), new Promise((late) => setTimeout(late, FONTS_WITHIN))]);
}

async function begin() {
  followSystem();
  restoreTheme();
  await fontsHere();
  return mount(early.querySelector(".sl"), {
    trigger: (...what) => gradio.then(({ trigger }) => trigger(...what)),
    server: { control: async (request) => (await gradio).server.control(request) },
    follow: (panel) => accept(panel, document.querySelector("#sl-first-paint").text),
  });
}

// Gradio's own style comes after the page's, which is in the head from the start: it is said once more, after all, and
// stands before the panel moves, so that nothing else does.
function styleLast() {
  const first = document.querySelector("link[rel='stylesheet'][href*='vendor/panel-']");
  const last = first.cloneNode();
  const stands = new Promise((done) => ["load", "error"].forEach((name) => last.addEventListener(name, done)));
  document.head.append(last);
  return stands;
}

// Gradio asks the server what a link says and puts it into the form, where it stands a frame later.
async function formStands() {
  await Promise.race([restored, new Promise((late) => setTimeout(late, FORM_WITHIN))]);
  await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
}

// What had the focus keeps it.
function moveInto(element, state) {
  const focused = document.activeElement;
  for (const place of early.querySelectorAll("[data-place]")) {
    element.querySelector(`[data-place="${place.dataset.place}"]`).append(...place.childNodes);
  }
  element.classList.add(...state.root.classList);
  state.root = element;
  early.remove();
  focused?.focus({ preventScroll: true });
}

export async function mountInGradio(element, { trigger, server, props, watch }) {
  const state = await standing;
  await styleLast();
  restoreTheme();
  moveInto(element, state);
  nameDocument(); // Gradio has said the browser's language
  watch("value", () => accept(state, props.value));
  state.draw();
  if (location.search) await formStands();
  meet({ trigger, server });
  putInForm(state);
  arrived(state);
}
