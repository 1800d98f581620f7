// The panel in a page that stands alone: one recorded run, and nobody to ask.

import { recordedRunOf } from "../data/any.js";
import { show } from "../controls/shown.js";
import { followSystem } from "../controls/theme.js";
import { mount } from "./panel.js";

const root = document.querySelector("main");

followSystem();
mount(root, {
  alone: true,
  follow: (state) => show(state, recordedRunOf(JSON.parse(document.querySelector("#recording").text), "run")),
});
