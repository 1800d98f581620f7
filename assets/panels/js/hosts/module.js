// The panel in the app's page: gradio.js imports it. Gradio brings the frames and takes the commands.

import { accept, mount } from "./panel.js";

export function mountInGradio(element, { trigger, server, props, watch }) {
  mount(element, {
    trigger, server,
    follow(state) {
      accept(state, props.value);
      watch("value", () => accept(state, props.value));
    },
  });
}
