// The settings beside the transport: Gradio's components, of which those that are seldom moved are folded away.

export function unfold(state, on) {
  state.root.classList.toggle("sl-more", on);
  state.find("[data-tool='more']").setAttribute("aria-expanded", String(on));
}

export function toggleMore(state) {
  unfold(state, !state.root.classList.contains("sl-more"));
}
