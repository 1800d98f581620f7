// What Start will do and when, said before it is pressed. The server knows the model and this machine, and finds the words.

const REST = 200; // ms without a move

// Ask for the settings as they stand: {form}, or {query} of the address before there are any.
export function expectRun(state, request) {
  clearTimeout(state.expecting);
  state.expecting = setTimeout(() => ask(state, request), REST);
}

async function ask(state, request) {
  if (!state.server) return; // a page that stands alone starts nothing
  const reply = await state.server.control({ action: "expect", ...request }).catch(() => null);
  if (!reply) return;
  state.expected = reply.refused ?? reply.said ?? "";
  state.follows = Boolean(reply.follows);
  state.draw();
}

export function bindExpected(state) {
  ask(state, { query: Object.fromEntries(new URLSearchParams(location.search)) });
}
