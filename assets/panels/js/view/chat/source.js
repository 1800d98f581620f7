// The line above the chats: whose they are, and what of them was read and not generated.

import { page } from "../../data/page.js";
import { countText, dateText, fill } from "../../data/words.js";

export function chatSourceText({ latest, alone }) {
  const { words } = page;
  const { header, recorded, seconds } = latest;
  const values = {
    model: header?.model ?? "", context: countText(header?.context ?? 0), seconds: countText(Math.round(seconds)),
    date: dateText(header?.recorded_at, "long"), heard: countText(header?.heard ?? 0),
  };
  const told = fill(recorded ? words.chat_recorded : words.chat_live, values);
  const read = header?.heard ? fill(words.chat_heard, values) : "";
  return [told, read, recorded && !alone ? words.source_start : ""].filter(Boolean).join(" ");
}
