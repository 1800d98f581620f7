// A lecture: one large screen, steered by keys.

import { page } from "../data/page.js";

// For those who sit there: the page's address, large, to be read by their phones.
export function showAddressCode(state) {
  if (!page.qr) return;
  const box = state.find(".sl-qr");
  const address = location.origin + location.pathname;
  const image = box.querySelector("img");
  Object.assign(image, { src: new URL(page.qr, document.baseURI), alt: address });
  box.querySelector("p").textContent = address;
  box.showModal();
}

export function isPresenting() {
  return document.body.classList.contains("sl-present");
}

export function togglePresentation(state) {
  present(state, !isPresenting());
}

export function present(state, on) {
  if (on === isPresenting()) return;
  document.body.classList.toggle("sl-present", on);
  state.find("[data-tool='present']").setAttribute("aria-pressed", String(on));
  fitScreen(state);
  window.dispatchEvent(new Event("resize"));
}

// Large on the whole screen, where the browser allows it: inside another page it may not. The browser takes its time,
// and the key may be pressed again meanwhile: what counts is what the page wants at the end.
async function fitScreen(state) {
  const unasked = isPresenting() && navigator.userActivation?.isActive === false;
  if (state.fitting || !document.fullscreenEnabled || unasked) return;
  state.fitting = true;
  try {
    while (isPresenting() !== Boolean(document.fullscreenElement)) {
      await (isPresenting() ? document.documentElement.requestFullscreen() : document.exitFullscreen());
    }
  } catch {
    // Refused: large in the window, then, as without a key or a click of the visitor's.
  } finally {
    state.fitting = false;
  }
}

// A visitor leaves the whole screen by the browser's own key, which ends the lecture as well.
export function bindPresentation(state) {
  state.find("[data-tool='qr']").hidden = !page.qr;
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && !state.fitting) present(state, false);
  });
}
