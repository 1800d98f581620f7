// The stream of a visitor's events, carried past a lost connection. Gradio takes a broken stream for the end: it hears no
// more, and loads the page anew. So it is given a stream that does not break: it stands still while there is no
// connection, and goes on once something is asked for again.

const STREAM = "/queue/data";
const JOIN = "/queue/join";
const ALIVE = "/app_id"; // what Gradio asks for before it loads the page anew
const EVENT_END = "\n\n";

// Wrap the page's fetch. `onLost` hears of a stream that broke; gives {isThere, cut}.
export function carryStreams(onLost) {
  const real = window.fetch.bind(window);
  const wire = { reopen: null, cut: null };
  window.fetch = async (resource, options) => {
    const address = String(resource?.url ?? resource);
    if (address.includes(ALIVE)) throw new TypeError("The page itself takes its run up again.");
    if (address.includes(STREAM)) return carried(wire, real, onLost, resource, options);
    const answer = await real(resource, options);
    if (address.includes(JOIN) && answer.ok) wire.reopen?.();
    return answer;
  };
  return { isThere: (address) => answers(real, address), cut: () => wire.cut?.() };
}

// What the server says of itself, null where nobody answers.
async function answers(real, address) {
  try {
    const answer = await real(address, { signal: AbortSignal.timeout(3000), cache: "no-store" });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

function carried(wire, real, onLost, resource, options) {
  const body = new ReadableStream({ start: (sink) => pump(wire, real, onLost, { resource, options, sink }) });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

// Whole events are passed on, so that one that was cut off in its middle is nobody's.
async function pump(wire, real, onLost, call) {
  const { resource, options, sink } = call;
  const own = new AbortController();
  const signal = options?.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
  Object.assign(wire, { reopen: null, cut: () => own.abort() });
  try {
    const answer = await real(resource, { ...options, signal });
    await pass(answer.body.pipeThrough(new TextDecoderStream()).getReader(), sink);
    sink.close();
  } catch (error) {
    if (options?.signal?.aborted) {
      sink.error(error); // Gradio itself has ended it
      return;
    }
    wire.reopen = () => pump(wire, real, onLost, call);
    if (!own.signal.aborted) onLost(); // cut on purpose, it is known
  }
}

async function pass(reader, sink) {
  const bytes = new TextEncoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const end = rest.lastIndexOf(EVENT_END) + EVENT_END.length;
    if (end < EVENT_END.length) continue;
    sink.enqueue(bytes.encode(rest.slice(0, end)));
    rest = rest.slice(end);
  }
}
