// What stands in the source line while a run waits for its model.

function acceptLoading(state, told) {
  const known = state.loading?.run === told.run;
  if (!known && state.past.has(told.run)) return;
  state.past.add(told.run);
  state.loading = told.stage === "stopped" ? null : told;
  state.starting = state.loading !== null;
  state.draw();
}

function loadingText({ model, stage, done_bytes: done, total_bytes: total }) {
  const values = { model, done: bytesText(done), total: bytesText(total ?? 0) };
  return fill(page.words.loading_stages[stage] ?? "", values);
}

function drawLoading(state) {
  const { loading } = state;
  const line = state.find(".sl-source");
  const share = loading?.total_bytes ? loading.done_bytes / loading.total_bytes : 0;
  line.style.setProperty("--loaded", loading?.stage === "downloading" ? share : 0);
  if (!loading) return;
  const badge = state.find(".sl-badge");
  badge.dataset.state = "loading";
  const queued = loading.state === "queued";
  setText(badge, queued ? page.words.queued : page.words.loading);
  setText(state.find(".sl-watch"), "");
  setText(state.find(".sl-source-text"), queued ? queuedText(loading) : loadingText(loading));
}
