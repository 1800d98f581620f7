// The panel in the app's page: gradio.js imports it. Gradio brings the frames and takes the commands.

import { restoreTheme } from "../controls/theme.js";
import { accept, mount } from "./panel.js";

export function mountInGradio(element, { trigger, server, props, watch }) {
  restoreTheme();
  mount(element, {
    trigger, server,
    follow(state) {
      accept(state, props.value);
      watch("value", () => accept(state, props.value));
    },
  });
}
