// The page of a mode in which there is no run to show yet.

import { page } from "../../data/page.js";
import { setText } from "../dom.js";

export function drawNothing(state) {
  state.chatsOf = null;
  state.find(".sl-chats").replaceChildren();
  if (state.mode !== "chat") return;
  setText(state.find(".sl-badge"), "");
  setText(state.find(".sl-watch"), "");
  setText(state.find(".sl-expected"), "");
  setText(state.find(".sl-source-text"), state.notice || page.words.chat_empty);
}
