// The panel in the app's page: gradio.js imports it. Gradio brings the frames and takes the commands.

import { restoreTheme } from "../controls/theme.js";
import { accept, mount } from "./panel.js";

// Gradio's own style comes after the page's, which is in the head from the start: it is said once more, after all, and
// stands before the panel does, so that nothing moves.
function styleLast() {
  const first = document.querySelector("link[rel='stylesheet'][href*='vendor/panel-']");
  if (!first) return Promise.resolve();
  const last = first.cloneNode();
  const stands = new Promise((done) => ["load", "error"].forEach((name) => last.addEventListener(name, done)));
  document.head.append(last);
  return stands;
}

export async function mountInGradio(element, { trigger, server, props, watch }) {
  await styleLast();
  restoreTheme();
  mount(element, {
    trigger, server,
    follow(state) {
      accept(state, props.value);
      watch("value", () => accept(state, props.value));
    },
  });
}
