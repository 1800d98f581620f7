// The panel in a page that stands alone: one recorded run, and nobody to ask.

import { historyOf, readRecording } from "../data/recordings.js";
import { show } from "../controls/shown.js";
import { mount } from "./panel.js";

const root = document.querySelector("main");

function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.body.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}

followTheme();

mount(root, {
  alone: true,
  follow: (state) => show(state, historyOf(readRecording(JSON.parse(document.querySelector("#recording").text), "run"))),
});
