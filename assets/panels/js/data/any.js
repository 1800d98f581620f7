// A run of either kind, where it does not matter which.

import { dialogueAt, dialogueCsv, dialogueOf, dialogueText, isDialogue, mergeDialogue, newDialogue } from "./dialogue.js";
import { mergeFrame, newHistory } from "./history.js";
import { historyAt, historyOf, readRecording, recordingText, runCsv } from "./recordings.js";

export function newRun(frame) {
  return isDialogue(frame) ? newDialogue(frame) : newHistory(frame);
}

export function mergeRun(history, frame) {
  return isDialogue(history) ? mergeDialogue(history, frame) : mergeFrame(history, frame);
}

export function runAt(history, seconds) {
  return isDialogue(history) ? dialogueAt(history, seconds) : historyAt(history, seconds);
}

export function recordedRunOf(file, name) {
  return file.format === "streaming-dialogue" ? dialogueOf(file, name) : historyOf(readRecording(file, name));
}

export function recordingOf(history) {
  return isDialogue(history) ? dialogueText(history) : recordingText(history);
}

export function tableOf(history) {
  return isDialogue(history) ? dialogueCsv(history) : runCsv(history);
}
